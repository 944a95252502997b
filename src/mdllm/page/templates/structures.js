"use strict";
// Coordinates of the frames in the page, and PDB files of them. Written by mdllm.page.structures.

const ATOMS = ["N", "CA", "C", "O"];

class Structures {
  constructor(packed, residues, bytes) {
    this.step = packed.step_nm;
    this.reference = packed.reference_nm;
    this.residues = residues;
    this.size = this.reference.length;
    this.bytes = bytes;
    this.half = packed.frames * this.size;
  }

  static async unpack(packed, residues) {
    const text = atob(packed.deflated);
    const compressed = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i++) compressed[i] = text.charCodeAt(i);
    const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Structures(packed, residues, new Uint8Array(await new Response(stream).arrayBuffer()));
  }

  // Atom lines of a frame, coordinates in ångström.
  atoms(frame) {
    const lines = [];
    const start = frame * this.size;
    const at = (place) => {
      const number = this.bytes[start + place] | (this.bytes[this.half + start + place] << 8);
      const steps = (number >>> 1) ^ -(number & 1);
      return (10 * (this.reference[place] + this.step * steps)).toFixed(3).padStart(8);
    };
    this.residues.forEach((residue, number) => {
      const id = String(residue.resid).slice(-4).padStart(4) + (residue.icode || " ");
      ATOMS.forEach((name, atom) => {
        const place = 12 * number + 3 * atom;
        const serial = String((4 * number + atom + 1) % 100000).padStart(5);
        lines.push(
          `ATOM  ${serial}  ${name.padEnd(3)} ${residue.resname.slice(0, 3).padStart(3)} ${residue.chain || "A"}${id}   ` +
            `${at(place)}${at(place + 1)}${at(place + 2)}  1.00  0.00          ${name[0].padStart(2)}`,
        );
      });
    });
    return lines;
  }

  pdb(frame, remark) {
    return [`REMARK 999 ${remark}`, ...this.atoms(frame), "END", ""].join("\n");
  }

  models(frames, remark) {
    const lines = [`REMARK 999 ${remark}`];
    frames.forEach((frame, number) => {
      lines.push(`MODEL     ${String(number + 1).padStart(4)}`, ...this.atoms(frame), "ENDMDL");
    });
    return [...lines, "END", ""].join("\n");
  }
}
