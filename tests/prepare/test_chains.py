"""Chains and bonds: what the file names is kept, what it does not name is made of what is bonded."""

import MDAnalysis as mda
import numpy as np
import pytest
from MDAnalysis.analysis.dihedrals import Dihedral
from MDAnalysisTests.datafiles import DCD, PSF, PDB_icodes

from mdllm.config.settings.system import Observables
from mdllm.core.errors import InputError
from mdllm.core.geometry import CA, C, O
from mdllm.core.trajectories import open_backbone, read_backbone, write_topology
from mdllm.molecules.backbone import BackboneAtoms
from raw_files import dimer, distances, prepared, write_xtc


def torsions(**cvs) -> Observables:
    variables = {name: dict(zip(("type", "residue", "segment"), cv, strict=False)) for name, cv in cvs.items()}
    states = {"any": {next(iter(cvs)): [-3.2, 3.2]}}
    return Observables.model_validate({"collective_variables": variables, "states": states})


def by_mdanalysis(universe, kind, residue) -> float:
    group = getattr(universe.select_atoms(residue).residues[0], f"{kind}_selection")()
    return float(np.deg2rad(Dihedral([group]).run().results.angles[0, 0]))


@pytest.fixture
def monomer(tmp_path):
    return mda.Merge(dimer().select_atoms("chainID A and resid 700-720"))


def kept(folder):
    universe = open_backbone(folder / "topology.pdb", folder / "trajectory.xtc")
    return universe, read_backbone(universe)


def test_a_break_whose_numbers_run_on_has_no_torsion(tmp_path, monomer):
    cut = mda.Merge(monomer.select_atoms("not resid 710-712"))
    cut.residues.resids = np.arange(700, 700 + len(cut.residues))  # 709 and 710 are 3 residues apart
    cut.atoms.write(str(tmp_path / "cut.pdb"))
    for kind, residue in (("psi", 709), ("phi", 710)):
        with pytest.raises(InputError, match=rf"{kind} of residue {residue} does not exist"):
            prepared(
                tmp_path / "out", tmp_path / "cut.pdb", tmp_path / "cut.pdb", observables=torsions(t=(kind, residue))
            )
    _, frames = prepared(
        tmp_path / "out", tmp_path / "cut.pdb", tmp_path / "cut.pdb", observables=torsions(t=("phi", 709))
    )
    assert frames["t_rad"][0] == pytest.approx(by_mdanalysis(cut, "phi", "resid 709"), abs=2e-3)


def test_numbers_that_jump_over_a_bond_have_torsions(tmp_path, monomer):
    monomer.residues.resids = np.where(
        monomer.residues.resids < 710, monomer.residues.resids, monomer.residues.resids + 50
    )
    monomer.atoms.write(str(tmp_path / "jump.pdb"))
    _, frames = prepared(
        tmp_path / "out", tmp_path / "jump.pdb", tmp_path / "jump.pdb",
        observables=torsions(t=("psi", 709), u=("phi", 760)),
    )  # fmt: skip
    residues = monomer.residues
    n, ca, c, n_next = (residues[9].atoms.select_atoms(f"name {name}").positions for name in ("N", "CA", "C", "N"))
    n_next = residues[10].atoms.select_atoms("name N").positions
    expected = mda.lib.distances.calc_dihedrals(n, ca, c, n_next)[0]
    assert frames["t_rad"][0] == pytest.approx(expected, abs=2e-3)


def test_a_missing_oxygen_before_a_break_lies_in_no_plane_with_a_stranger(monomer):
    """As at the end of a chain: the same O as where nothing follows at all."""
    bare = monomer.select_atoms("not name O")
    before = BackboneAtoms.select(mda.Merge(bare.select_atoms("not resid 710-720")), "protein", "t")
    broken = BackboneAtoms.select(mda.Merge(bare.select_atoms("not resid 710-715")), "protein", "t")
    np.testing.assert_allclose(broken.frame[9, O], before.frame[9, O], atol=1e-5)
    real = monomer.select_atoms("name O").positions / 10
    assert np.linalg.norm(broken.frame[8, O] - real[8]) < 0.06
    bond = np.linalg.norm(broken.frame[:, O] - broken.frame[:, C], axis=-1)
    np.testing.assert_allclose(bond, 0.1229, atol=1e-4)


def test_a_dimer_without_chains_gets_one_for_each_fragment(tmp_path, caplog):
    """The same selection in both monomers is an error that names them; one of them has its own value."""
    universe = dimer()
    universe.atoms.chainIDs = ""
    universe.residues.segments = universe.add_Segment(segid="")
    universe.atoms.write(str(tmp_path / "dimer.pdb"))
    assert set(mda.Universe(str(tmp_path / "dimer.pdb")).atoms.chainIDs) <= {"", "X"}
    both = distances(d=("resid 700 and name CA", "resid 900 and name CA"))
    with pytest.raises(
        InputError,
        match=r"d\.a: the selection 'resid 700 and name CA' means 2 residues: TYR 700 of chain A, TYR 700 of chain B; "
        r"name the chain, as in '\(resid 700 and name CA\) and chainID A'",
    ):
        prepared(tmp_path / "out", tmp_path / "dimer.pdb", tmp_path / "dimer.pdb", observables=both)
    assert "chains the file does not name or repeats, made of what is bonded: " in caplog.text
    cv = distances(
        a=("resid 700 and name CA and chainID A", "resid 900 and name CA and chainID A"),
        b=("resid 700 and name CA and segid B", "resid 900 and name CA and segid B"),
    )
    _, frames = prepared(tmp_path / "out", tmp_path / "dimer.pdb", tmp_path / "dimer.pdb", observables=cv)
    for number, name in enumerate("ab"):
        one, other = (universe.select_atoms(f"resid {r} and name CA")[number].position for r in (700, 900))
        assert frames[f"{name}_nm"][0] == pytest.approx(np.linalg.norm(one - other) / 10, abs=2e-3)


def test_segments_of_a_topology_are_kept_whatever_their_length(tmp_path):
    """PSF segments, and names longer than the columns of a PDB file; both survive the files that stages hand on."""
    universe = dimer()
    for name, chain in (("PROTEIN_ONE", "A"), ("PROTEIN_TWO", "B")):
        universe.select_atoms(f"chainID {chain}").residues.segments = universe.add_Segment(segid=name)
    atoms = BackboneAtoms.select(universe, "protein", "t")
    chains = atoms.chains()
    assert (set(chains.letters), set(chains.segments), chains.named) == (
        {"A", "B"},
        {"PROTEIN_ONE", "PROTEIN_TWO"},
        True,
    )
    write_topology(tmp_path / "t.pdb", atoms.universe(), atoms.frame)
    again = open_backbone(tmp_path / "t.pdb")
    assert again.residues.segids.tolist() == chains.segments.tolist()
    assert (
        again.select_atoms("segid PROTEIN_TWO").residues.resids.tolist()
        == universe.select_atoms("chainID B").residues.resids.tolist()
    )
    psf = BackboneAtoms.select(mda.Universe(PSF, DCD), "protein", "t").chains()
    assert set(psf.segments) == {"4AKE"}


def test_insertion_codes_name_residues(tmp_path):
    """1OSM, three chains with numbers that repeat and insertion codes."""
    raw = mda.Universe(PDB_icodes)
    codes = [r for r in raw.select_atoms("protein").residues if r.icode]
    universe = mda.Merge(raw.select_atoms("protein and segid A"))
    universe.atoms.write(str(tmp_path / "one.pdb"))
    inserted = next(r for r in universe.residues if r.icode)
    name = f"{inserted.resid}{inserted.icode}"
    assert len(codes) > 0
    _, frames = prepared(
        tmp_path / "out", tmp_path / "one.pdb", tmp_path / "one.pdb",
        observables=torsions(inserted=("phi", name), before=("phi", int(inserted.resid))),
    )  # fmt: skip
    plain = next(r for r in universe.residues if r.resid == inserted.resid and not r.icode)
    for column, residue in (("inserted", inserted), ("before", plain)):
        previous = universe.residues[residue.ix - 1]
        points = [
            previous.atoms.select_atoms("name C"),
            *(residue.atoms.select_atoms(f"name {n}") for n in ("N", "CA", "C")),
        ]
        expected = mda.lib.distances.calc_dihedrals(*(group.positions[:1] for group in points))[0]
        assert frames[f"{column}_rad"][0] == pytest.approx(expected, abs=2e-3)


def test_a_modified_residue_that_protein_leaves_out_is_named(tmp_path, monomer, caplog):
    """What `protein` of MDAnalysis does not know breaks the chain; the warning says the selection that takes it in."""
    monomer.select_atoms("resid 708").residues.resnames = "SEP"
    monomer.select_atoms("resid 715").residues.resnames = "DAL"
    monomer.atoms.write(str(tmp_path / "t.pdb"))
    cv = torsions(t=("phi", 705))
    counts, _ = prepared(tmp_path / "out", tmp_path / "t.pdb", tmp_path / "t.pdb", observables=cv)
    assert counts["residues"] == 19
    assert "SEP 708, DAL 715. To take them in: selection: (protein) or resname SEP DAL" in caplog.text
    caplog.clear()
    counts, _ = prepared(
        tmp_path / "out", tmp_path / "t.pdb", tmp_path / "t.pdb", observables=cv, selection="protein or resname SEP DAL"
    )
    assert counts["residues"] == 21
    assert "To take them in" not in caplog.text


def test_of_two_residues_in_one_place_one_is_taken(tmp_path, monomer, caplog):
    """Microheterogeneity: alternate locations with two residue names."""
    monomer.atoms.write(str(tmp_path / "t.pdb"))
    lines = (tmp_path / "t.pdb").read_text().splitlines(keepends=True)
    place = [line for line in lines if line.startswith("ATOM") and line[22:26].strip() == "708"]
    first = [line[:16] + "A" + line[17:] for line in place]
    second = [line[:16] + "BGLY" + line[20:] for line in place if line[12:16].strip() in ("N", "CA", "C", "O")]
    at = lines.index(place[0])
    (tmp_path / "two.pdb").write_text("".join(lines[:at] + first + second + lines[at + len(place) :]))
    assert len(mda.Universe(str(tmp_path / "two.pdb")).residues) == 22
    counts, _ = prepared(
        tmp_path / "out", tmp_path / "two.pdb", tmp_path / "two.pdb", observables=torsions(t=("psi", 708))
    )
    assert counts["residues"] == 21
    first = monomer.select_atoms("resid 708").residues[0].resname
    assert f"{first} 708 and GLY 708 stand in one place; {first} 708 is taken" in caplog.text


def test_ca_of_residues_is_where_mdanalysis_has_it(tmp_path):
    """Of a tetramer of two dimers, more than 1000 residues."""
    one = dimer()
    raw = mda.Merge(one.atoms, one.atoms, one.select_atoms("chainID A and resid 700-720"))
    atoms = len(one.atoms)
    raw.atoms[atoms:].translate([0, 0, 90])
    raw.atoms[atoms:].chainIDs = np.where(raw.atoms[atoms:].chainIDs == "A", "C", "D")
    raw.atoms[2 * atoms :].translate([0, 90, 0])
    raw.atoms[2 * atoms :].chainIDs = "E"
    raw.atoms.write(str(tmp_path / "t.pdb"))
    write_xtc(tmp_path / "t.xtc", raw.atoms.positions[None])
    cv = distances(d=("resid 700 and name CA and chainID A", "resid 700 and name CA and chainID C"))
    prepared(tmp_path / "out", tmp_path / "t.pdb", tmp_path / "t.xtc", observables=cv)
    universe, backbone = kept(tmp_path / "out")
    assert len(universe.residues) > 1000
    np.testing.assert_allclose(backbone[0, :, CA], raw.select_atoms("name CA").positions / 10, atol=2e-3)
    assert universe.residues.resids.tolist() == raw.residues.resids.tolist()
    assert "".join(dict.fromkeys(universe.atoms.chainIDs)) == "ABCDE"


def test_a_variable_of_a_side_chain_is_measured_on_raw_frames(tmp_path, caplog):
    """chi1 of a valine and a distance of side chains; only N, CA, C, O are kept."""
    universe = mda.Universe(PSF, DCD)
    valine = universe.select_atoms("resname VAL").residues[0]
    atoms = {
        key: f"resid {valine.resid} and name {name}" for key, name in zip("abcd", ("N", "CA", "CB", "CG1"), strict=True)
    }
    content = {
        "collective_variables": {
            "chi": {"type": "dihedral", **atoms},
            "d": {"type": "distance", "a": "resid 1 and name CB", "b": "resid 9 and name CA"},
            "far": {"type": "distance", "a": "resid 1 and name CA", "b": "resid 9 and name CA"},
        },
        "states": {"any": {"far": [0, 100]}},
    }
    _, frames = prepared(tmp_path / "out", PSF, DCD, observables=Observables.model_validate(content))
    chosen = mda.AtomGroup([universe.select_atoms(selection)[0] for selection in atoms.values()])
    pairs = [universe.select_atoms(s)[0].ix for s in ("resid 1 and name CB", "resid 9 and name CA")]
    chi = np.deg2rad(Dihedral([chosen]).run().results.angles[:, 0])
    near = [np.linalg.norm(np.subtract(*ts.positions[pairs])) / 10 for ts in universe.trajectory]
    np.testing.assert_allclose(np.exp(1j * frames["chi_rad"]), np.exp(1j * chi), atol=1e-4)
    np.testing.assert_allclose(frames["d_nm"], near, atol=1e-5)
    assert set(open_backbone(tmp_path / "out" / "topology.pdb").atoms.names) == {"N", "CA", "C", "O"}
    assert "chi, d: measured on raw frames alone" in caplog.text
