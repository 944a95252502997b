"use strict";
// Coordinates of the frames in the page, and PDB files of them. Packed by mdllm.page.structures.

const ATOMS = ["N", "CA", "C", "O"];

class Structures {
  // Blocks are the texts in the element `id`.
  constructor(id, about, residues) {
    this.packed = document.getElementById(id).children;
    this.about = about;
    this.residues = residues;
    this.blocks = new Map();
  }

  // Differences of a frame from the reference, in steps.
  async steps(frame) {
    const number = Math.floor(frame / this.about.frames_a_block);
    if (!this.blocks.has(number)) this.blocks.set(number, this.unpack(number));
    const size = this.about.reference.length;
    const start = (frame % this.about.frames_a_block) * size;
    return (await this.blocks.get(number)).subarray(start, start + size);
  }

  async unpack(number) {
    const text = atob(this.packed[number].textContent);
    const deflated = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    const stream = new Blob([deflated]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const half = bytes.length / 2;
    const steps = new Int32Array(half);
    for (let i = 0; i < half; i++) {
      const unsigned = bytes[i] | (bytes[half + i] << 8);
      steps[i] = (unsigned >>> 1) ^ -(unsigned & 1);
    }
    const size = this.about.reference.length;
    for (let start = 0; start < half; start += size) this.addNeighbours(steps.subarray(start, start + size));
    return steps;
  }

  // The inverse of `along_chain`: N after the C before it, CA after N, C after CA; then O from the three around it.
  addNeighbours(steps) {
    for (let i = 0; i < steps.length; i += 12) {
      for (let axis = 0; axis < 3; axis++) {
        if (i > 0) steps[i + axis] += steps[i - 6 + axis];
        steps[i + 3 + axis] += steps[i + axis];
        steps[i + 6 + axis] += steps[i + 3 + axis];
      }
    }
    for (let i = 0; i < steps.length; i += 12) {
      for (let axis = 0; axis < 3; axis++) {
        const c = steps[i + 6 + axis];
        const following = i + 12 < steps.length ? steps[i + 12 + axis] : c;
        steps[i + 9 + axis] += c - ((3 * (steps[i + 3 + axis] + following - 2 * c)) >> 2);
      }
    }
  }

  // Atom lines of a frame, coordinates in ångström.
  async atoms(frame) {
    const steps = await this.steps(frame);
    const { reference, step_nm } = this.about;
    const at = (place) => (10 * step_nm * (reference[place] + steps[place])).toFixed(3).padStart(8);
    const lines = [];
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

  async pdb(frame, remark) {
    return [`REMARK 999 ${remark}`, ...(await this.atoms(frame)), "END", ""].join("\n");
  }

  async models(frames, remark) {
    const lines = [`REMARK 999 ${remark}`];
    for (const [number, frame] of frames.entries()) {
      lines.push(`MODEL     ${String(number + 1).padStart(4)}`, ...(await this.atoms(frame)), "ENDMDL");
    }
    return [...lines, "END", ""].join("\n");
  }
}
