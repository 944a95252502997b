"""Every kind of contact on geometry built by hand, and on NMR models against a search through all pairs of atoms."""

from collections import Counter

import MDAnalysis as mda
import numpy as np
import pytest

from mdllm.analysis.dynamics.contacts import ContactFinder
from mdllm.analysis.dynamics.molecule import Molecule
from mdllm.analysis.dynamics.properties import CONTACTS
from mdllm.config.settings.dynamics import ContactSettings

from .conftest import built


def found(residues, chains=None, **settings) -> dict[str, list[tuple[int, int]]]:
    """Kind -> residues of each row."""
    molecule, points = built(*residues, chains=chains)
    rows = ContactFinder.of(molecule, ContactSettings(**settings)).find(points)
    result = {}
    for kind, first, second in zip(rows.kind, rows.first, rows.second, strict=True):
        result.setdefault(CONTACTS[kind], []).append((int(first), int(second)))
    return result


GLY = ("GLY", {})


def test_van_der_waals_contacts_need_two_residues_between_and_end_at_both_radii():
    one, near, far = ("ALA", {"CB": (0, 0, 0)}), ("SER", {"OG": (0.371, 0, 0)}), ("SER", {"OG": (0.373, 0, 0)})
    assert found([one, GLY, near]) == {"vdw": [(0, 2)]}
    assert found([one, GLY, far]) == {}  # 0.17 + 0.152 + 0.05
    assert found([one, near]) == {}
    assert found([one, near], chains="AB") == {"vdw": [(0, 1)]}


def test_residues_are_counted_along_the_topology_not_by_their_numbers(structures):
    universe = mda.Universe(str(structures / "2jof.pdb"))
    plain = Molecule.of(universe)
    finder = ContactFinder.of(plain)
    points = universe.atoms.positions[plain.atoms][None] / 10
    expected = finder.find(points)
    universe.residues.resids = np.r_[np.arange(40, 50), np.arange(40, 50)]  # insertion codes, an offset
    universe.add_TopologyAttr("icodes", [""] * 10 + ["A"] * 10)
    shifted = ContactFinder.of(Molecule.of(universe)).find(points)
    for a, b in zip(expected, shifted, strict=True):
        np.testing.assert_array_equal(a, b)


def test_no_contacts_within_a_disulfide_but_with_others():
    sulfurs = [("CYS", {"CB": (0.0, 0.18, 0), "SG": (0, 0, 0)}), GLY, ("CYS", {"SG": (0.205, 0, 0)})]
    assert found(sulfurs) == {}
    apart = [sulfurs[0], GLY, ("CYS", {"SG": (0.215, 0, 0)})]
    assert found(apart) == {"vdw": [(0, 2)] * 2}


@pytest.mark.parametrize(
    ("donor", "acceptor", "kind"), [("N", "O", "hbbb"), ("N", "OG", "hbsb"), ("OG", "OXT", "hbss"), ("OG", "N", "hbsb")]
)
def test_hydrogen_bonds_are_told_apart_by_the_names_n_and_o(donor, acceptor, kind):
    giver = ("SER", {donor: (0, 0, 0), "HX": (0.1, 0, 0)})
    assert found([giver, ("SER", {acceptor: (0.3, 0, 0)})])[kind] == [(0, 1)]


def test_hydrogen_bonds_end_at_a_distance_and_an_angle():
    def bond(x, y):
        return found([("SER", {"OG": (0, 0, 0), "HG": (0.1, 0, 0)}), ("SER", {"OG": (x, y, 0)})])

    assert "hbss" in bond(0.349, 0)
    assert "hbss" not in bond(0.351, 0)
    for angle, bound in ((111, True), (109, False)):
        direction = np.pi - np.deg2rad(angle)
        assert ("hbss" in bond(0.1 + 0.25 * np.cos(direction), 0.25 * np.sin(direction))) == bound
    assert "hbss" not in found([("SER", {"OG": (0, 0, 0), "HG": (0.1, 0, 0), "OG1": (0.3, 0, 0)})])  # one residue


def test_a_pair_of_atoms_is_one_row_however_many_hydrogens_lie_between():
    amine = ("LYS", {"NZ": (0, 0, 0), "HZ1": (0.09, 0.03, 0), "HZ2": (0.09, -0.03, 0)})
    assert found([amine, ("SER", {"OG": (0.3, 0, 0)})]) == {"hbss": [(0, 1)]}
    mutual = ("SER", {"OG": (0, 0, 0), "HG": (0.09, 0.03, 0)}), ("SER", {"OG": (0.3, 0, 0), "HG": (0.21, -0.03, 0)})
    assert found(mutual) == {"hbss": [(0, 1)] * 2}  # each gives one


def test_backbone_nitrogen_accepts_by_setting():
    residues = [("SER", {"OG": (0, 0, 0), "HG": (0.1, 0, 0)}), ("ALA", {"N": (0.3, 0, 0)})]
    assert "hbsb" in found(residues)
    assert "hbsb" not in found(residues, backbone_nitrogen_accepts=False)


def test_hydrophobic_contacts_are_between_carbons_bonded_to_carbon_and_hydrogen():
    one = ("LEU", {"CD1": (0, 0, 0)})
    assert found([one, GLY, ("VAL", {"CG1": (0.389, 0, 0)})])["hp"] == [(0, 2)]
    assert "hp" not in found([one, GLY, ("VAL", {"CG1": (0.391, 0, 0)})])
    assert "hp" not in found([one, GLY, ("TRP", {"CD1": (0.38, 0, 0), "NE1": (0.48, 0.09, 0)})])  # bonded to N
    assert "hp" not in found([one, GLY, ("MET", {"CB": (0.38, 0, 0)})])
    assert "hp" in found([one, GLY, ("MET", {"CB": (0.38, 0, 0)})], hydrophobic_residues=("LEU", "MET"))


def test_salt_bridges():
    acid = ("ASP", {"OD1": (0, 0, 0), "OD2": (0, 0.2, 0)})
    assert found([acid, ("LYS", {"NZ": (0.399, 0, 0)})])["sb"] == [(0, 1)]
    assert "sb" not in found([acid, ("LYS", {"NZ": (0.401, 0, 0)})])
    assert found([acid, ("ARG", {"NH1": (0.3, 0, 0), "NH2": (0.3, 0.2, 0)})])["sb"] == [(0, 1)] * 4
    assert found([("GLU", {"OE2": (0, 0, 0)}), ("HSD", {"NE2": (0.3, 0, 0)})])["sb"] == [(0, 1)]


def test_histidines_are_cations_always_or_with_both_hydrogens():
    acid = ("ASP", {"OD1": (0, 0, 0)})
    atoms = {"ND1": (0.3, 0, 0), "HD1": (0.4, 0, 0), "NE2": (0.3, 0.25, 0)}
    both = {**atoms, "HE2": (0.4, 0.25, 0)}
    assert len(found([acid, ("HIS", atoms)])["sb"]) == 2
    assert "sb" not in found([acid, ("HIS", atoms)], histidine_charged="protonated")
    assert len(found([acid, ("HIS", both)], histidine_charged="protonated")["sb"]) == 2


def ring(centre, u=(1, 0, 0), v=(0, 1, 0)) -> dict:
    """Three atoms of a ring about a centre in the plane of u and v."""
    angles = np.deg2rad([0, 120, 240])
    places = np.asarray(centre) + 0.14 * (np.cos(angles)[:, None] * u + np.sin(angles)[:, None] * np.asarray(v))
    return dict(zip(("CG", "CE1", "CE2"), places, strict=True))


def test_cations_over_rings():
    here = ("PHE", ring((0, 0, 0)))
    assert found([here, ("LYS", {"NZ": (0, 0, 0.599)})])["pc"] == [(0, 1)]
    assert "pc" not in found([here, ("LYS", {"NZ": (0, 0, 0.601)})])
    for degrees, near in ((59, True), (61, False)):
        place = 0.5 * np.array([np.sin(np.deg2rad(degrees)), 0, -np.cos(np.deg2rad(degrees))])
        assert ("pc" in found([here, ("LYS", {"NZ": place})])) == near


def test_stacked_and_upright_rings():
    here = ("PHE", ring((0, 0, 0)))

    def tilted(centre, degrees):
        turned = np.array([np.cos(np.deg2rad(degrees)), 0, np.sin(np.deg2rad(degrees))])
        return found([here, ("TYR", ring(centre, turned))])

    assert tilted((0, 0, 0.69), 0)["ps"] == [(0, 1)]
    assert "ps" not in tilted((0, 0, 0.71), 0)
    assert "ps" in tilted((0, 0, 0.6), 29)
    assert "ps" in tilted((0, 0, 0.6), 180 - 29)
    assert "ps" not in tilted((0, 0, 0.6), 31)
    assert "ts" in tilted((0, 0, 0.49), 90)
    assert "ts" not in tilted((0, 0, 0.51), 90)
    assert "ts" in tilted((0, 0, 0.49), 61)
    assert "ts" not in tilted((0, 0, 0.49), 59)
    for degrees, near in ((44, True), (46, False)):
        place = 0.6 * np.array([0, np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))])
        assert ("ps" in tilted(place, 0)) == near


def searched(molecule, points) -> Counter:
    """Rows (kind, residues) of a frame by a plain search through all pairs of atoms; Trp-cage has no CYS and no HIS."""
    radius = {"C": 0.17, "N": 0.155, "O": 0.152}
    charges = {"ASP": ("OD1", "OD2"), "GLU": ("OE1", "OE2"), "LYS": ("NZ",), "ARG": ("NH1", "NH2")}
    oily = {
        "ALA": ("CB",),
        "LEU": ("CB", "CG", "CD1", "CD2"),
        "ILE": ("CB", "CG1", "CG2", "CD1"),
        "PRO": ("CB", "CG"),
        "TRP": ("CB", "CG", "CD2", "CE3", "CZ2", "CZ3", "CH2"),
    }
    size = len(molecule.atoms)
    distance = np.linalg.norm(points[:, None] - points[None], axis=-1)
    heavy = [a for a in range(size) if molecule.elements[a] != "H"]
    rows = Counter()
    for a in heavy:
        i, one, name = molecule.residue[a], molecule.elements[a], molecule.names[a]
        given = [h for h in range(size) if molecule.elements[h] == "H" and distance[a, h] < 0.12]
        for b in heavy:
            j, other, partner = molecule.residue[b], molecule.elements[b], molecule.names[b]
            if i == j:
                continue
            if a < b and abs(i - j) > 1:
                rows["vdw", i, j] += bool(distance[a, b] < radius[one] + radius[other] + 0.05)
                own = name in oily.get(molecule.resnames[i], ()), partner in oily.get(molecule.resnames[j], ())
                rows["hp", i, j] += bool(all(own) and distance[a, b] < 0.39)
            if molecule.resnames[i] in ("ASP", "GLU") and molecule.resnames[j] in ("LYS", "ARG"):
                charged = name in charges[molecule.resnames[i]] and partner in charges[molecule.resnames[j]]
                rows["sb", min(i, j), max(i, j)] += bool(charged and distance[a, b] <= 0.4)
            if one in "NO" and other in "NO" and distance[a, b] <= 0.35:
                angles = [
                    np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v)))
                    for u, v in ((points[a] - points[h], points[b] - points[h]) for h in given)
                ]
                kind = ("hbss", "hbsb", "hbbb")[(name in ("N", "O")) + (partner in ("N", "O"))]
                rows[kind, min(i, j), max(i, j)] += any(angle > 110 for angle in angles)
    return +rows


def test_models_of_trp_cage_have_the_contacts_of_a_plain_search(trp_cage):
    molecule, points = trp_cage
    rows = ContactFinder.of(molecule).find(points[:3])
    for frame in range(3):
        own = rows.frame == frame
        counts = Counter(
            (CONTACTS[kind], first, second)
            for kind, first, second in zip(rows.kind[own], rows.first[own], rows.second[own], strict=True)
            if CONTACTS[kind] not in ("pc", "ps", "ts")
        )
        assert counts == searched(molecule, points[frame].astype(float))
    assert {CONTACTS[kind] for kind in rows.kind} >= {"vdw", "hbbb", "hbsb", "hp", "sb"}


def test_a_ring_without_all_atoms_makes_no_contact_and_is_named(caplog):
    bare = ("PHE", {"CG": (0, 0, 0)})
    assert "pc" not in found([bare, ("LYS", {"NZ": (0, 0, 0.3)})])
    assert "1 of 1 rings lack atoms" in caplog.text
