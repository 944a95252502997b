"use strict";
// Map, series and structures of one variant, which show the same chosen frame.

class Explorer {
  constructor(root, data, page) {
    this.root = root;
    this.data = data;
    this.page = page;
    this.chosen = null;
    this.timer = null;
    this.sourceNames = Object.keys(data.sources);
    this.rows = this.makeRows();
    this.replicas = new Map();
    for (const row of this.rows) {
      if (row.key !== "model") continue;
      if (!this.replicas.has(row.replica)) this.replicas.set(row.replica, []);
      this.replicas.get(row.replica).push(row.id);
    }
    this.structures = new Structures(`${root.id}-attached`, data.structures, data.residues);
    this.listen();
    this.filter();
  }

  at(name) {
    return this.root.querySelector(`[name="${name}"]`);
  }

  fold(value, axis) {
    if (axis.start === null || value === null) return value;
    const turn = 2 * Math.PI;
    return axis.start + ((((value - axis.start) % turn) + turn) % turn);
  }

  makeRows() {
    const { frames, plane, axes, states } = this.data;
    const [x, y] = plane;
    return frames.source.map((source, id) => {
      const key = this.sourceNames[source];
      const generated = !["md", "training", "roundtrip"].includes(key);
      const place = generated ? `replica ${frames.replica[id]}, frame ${frames.frame[id]}` : `MD frame ${frames.frame[id]}`;
      return {
        id,
        key,
        source: this.data.sources[key],
        name: place,
        replica: frames.replica[id],
        frame: frames.frame[id],
        state: frames.state[id] < 0 ? "none" : states[frames.state[id]],
        cluster: frames.cluster[id] || null,
        isNew: frames.new[id] === 1,
        novelty: frames.novelty[id],
        rawx: frames[x][id],
        rawy: frames[y][id],
        x: this.fold(frames[x][id], axes[x]),
        y: this.fold(frames[y][id], axes[y]),
      };
    });
  }

  listen() {
    this.root.querySelector(".filters").addEventListener("change", () => this.filter());
    this.root.querySelector(".filters").addEventListener("submit", (event) => event.preventDefault());
    this.at("replica").addEventListener("change", () => this.choose(this.replica()[0]));
    this.at("previous").addEventListener("click", () => this.step(-1));
    this.at("next").addEventListener("click", () => this.step(1));
    this.at("play").addEventListener("click", () => (this.timer ? this.stop() : this.play()));
    this.at("speed").addEventListener("change", () => this.timer && this.play());
    this.at("frame").addEventListener("input", (event) => this.choose(this.replica()[Number(event.target.value)]));
    this.at("variable").addEventListener("change", () => this.drawSeries());
    this.at("superposed").addEventListener("change", () => {
      this.names();
      this.draw();
    });
    this.at("moved").addEventListener("change", () => this.draw());
    this.at("reset").addEventListener("click", () => this.page.zoom());
    this.at("pdb").addEventListener("click", () => this.save());
    const map = this.root.querySelector(".map");
    map.addEventListener("keydown", (event) => this.walk(event));
  }

  // ---- which frames are shown

  filter() {
    const sources = new Set([...this.root.querySelectorAll('[name="source"]:checked')].map((box) => box.value));
    const [state, cluster] = [this.at("state").value, this.at("cluster").value];
    this.shown = this.rows.filter(
      (row) =>
        sources.has(row.key) &&
        (!state || row.state === (state === "-" ? "none" : state)) &&
        (!cluster || (cluster === "new" ? row.isNew : row.cluster === Number(cluster))),
    );
    const count = `${this.shown.length.toLocaleString("en")} of ${this.rows.length.toLocaleString("en")} frames shown`;
    this.root.querySelector(".count").textContent = count;
    if (this.map) this.map.data("frames", this.shown).runAsync();
    if (cluster && cluster !== "new" && this.data.medoids[cluster] !== undefined) this.choose(this.data.medoids[cluster]);
  }

  async drawMap() {
    const target = this.root.querySelector(".map");
    const spec = { ...this.data.map, description: "Map of frames" };
    this.map = await this.page.embed(target, spec, "canvas");
    this.map.data("frames", this.shown);
    this.map.addEventListener("click", (event, item) => item && item.datum && item.datum.id !== undefined && this.choose(item.datum.id));
    await this.map.runAsync();
    if (this.chosen === null) this.take(this.first());
    else this.mark();
  }

  // What the page opens with: the medoid of the largest cluster of new frames, or the first generated frame.
  first() {
    const medoids = Object.values(this.data.medoids);
    return medoids.length ? medoids[0] : this.rows.findIndex((row) => row.key === "model");
  }

  async drawSeries() {
    const column = this.at("variable").value;
    const axis = this.data.axes[column];
    this.series = {};
    for (const source of ["training", "model"]) {
      const rows = this.rows.filter((row) => row.key === source);
      const spec = structuredClone(this.data.series[source]);
      for (const layer of spec.layer) {
        layer.encoding.x.scale.domain = [Math.min(...rows.map((row) => row.frame)), Math.max(1, ...rows.map((row) => row.frame))];
        layer.encoding.y.title = axis.title;
        layer.encoding.y.scale.domain = axis.span;
        if (axis.ticks.length) {
          const words = Object.fromEntries(axis.ticks.map(([value, text]) => [value.toFixed(3), text]));
          layer.encoding.y.axis = {
            values: axis.ticks.map(([value]) => value),
            labelExpr: `(${JSON.stringify(words)})[format(datum.value, '.3f')]`,
          };
        }
      }
      spec.description = `${axis.title} of ${this.data.sources[source]}, frame by frame`;
      const view = await this.page.embed(this.root.querySelector(`.series-${source}`), spec, "canvas");
      view.data("frames", this.points(rows));
      view.addEventListener("click", (event, item) => item && item.datum && item.datum.id !== undefined && this.choose(item.datum.id));
      this.series[source] = view;
      await view.runAsync();
    }
    this.mark();
  }

  points(rows) {
    const column = this.at("variable").value;
    const [values, axis] = [this.data.frames[column], this.data.axes[column]];
    return rows.map(({ id, name, frame, state }) => ({ id, name, frame, state, raw: values[id], y: this.fold(values[id], axis) }));
  }

  // ---- the chosen frame

  replica() {
    return this.replicas.get(Number(this.at("replica").value));
  }

  choose(id) {
    if (id === undefined || id < 0) return;
    this.take(id);
    this.draw();
  }

  take(id) {
    this.chosen = id;
    this.near = this.data.frames.nearest[id];
    const row = this.rows[id];
    if (row.key === "model") {
      this.at("replica").value = String(row.replica);
      const frames = this.replica();
      const slider = this.at("frame");
      slider.max = String(frames.length - 1);
      slider.value = String(frames.indexOf(id));
      slider.setAttribute("aria-valuetext", row.name);
    }
    this.root.dataset.chosen = String(id);
    this.root.dataset.nearest = String(this.near);
    this.mark();
    this.facts();
    this.names();
    this.strip();
  }

  step(by) {
    const frames = this.replica();
    const here = frames.indexOf(this.chosen);
    this.choose(frames[(here + by + frames.length) % frames.length]);
  }

  play() {
    clearInterval(this.timer);
    this.timer = setInterval(() => this.step(1), 1000 / Number(this.at("speed").value));
    this.at("play").textContent = "Pause";
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.at("play").textContent = "Play";
  }

  // To the nearest shown frame in the direction of an arrow key.
  walk(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const way = ways[event.key];
    if (!way || this.chosen === null) return;
    event.preventDefault();
    const [x, y] = this.data.plane.map((column) => this.data.axes[column].span);
    const place = (row) => [(row.x - x[0]) / (x[1] - x[0]), (row.y - y[0]) / (y[1] - y[0])];
    const here = place(this.rows[this.chosen]);
    let best = null;
    let least = Infinity;
    for (const row of this.shown) {
      const there = place(row);
      const [dx, dy] = [there[0] - here[0], there[1] - here[1]];
      const along = dx * way[0] + dy * way[1];
      const across = Math.abs(dx * way[1] + dy * way[0]);
      if (row.id === this.chosen || along <= 1e-6 || across > along) continue;
      if (along + across < least) [least, best] = [along + across, row.id];
    }
    if (best !== null) this.choose(best);
  }

  mark() {
    if (this.chosen === null || !this.map) return;
    const row = this.rows[this.chosen];
    this.map.data("chosen", [row]).data("nearest", this.near >= 0 ? [this.rows[this.near]] : []).runAsync();
    if (!this.series) return;
    for (const [source, view] of Object.entries(this.series)) {
      const marked = [row, ...(this.near >= 0 ? [this.rows[this.near]] : [])].filter((one) => one.key === source);
      view.data("chosen", this.points(marked));
      if (source === "model") view.data("replica", this.points(this.replica().map((id) => this.rows[id])));
      view.runAsync();
    }
  }

  names() {
    const row = this.rows[this.chosen];
    const other = this.near >= 0 ? this.rows[this.near].name : null;
    const words = other ? `Nearest training frame: ${other}` : "No nearest training frame to show";
    const together = this.at("superposed").checked && other;
    const name = `${row.source}: ${row.name}`;
    this.root.querySelector(".chosen-name").textContent = together ? `${name}; ${words.toLowerCase()}` : name;
    this.root.querySelector(".nearest-name").textContent = words;
  }

  facts() {
    const { frames, axes } = this.data;
    const row = this.rows[this.chosen];
    const number = (value, digits = 3) => (value === null ? "–" : value.toFixed(digits));
    const facts = [
      ["frame", `${row.source}, ${row.name}`],
      ["state", row.state],
    ];
    if (row.novelty !== null) facts.push(["novelty (new above 1)", number(row.novelty, 2) + (row.isNew ? ", new" : "")]);
    if (row.cluster) facts.push(["cluster", String(row.cluster)]);
    if (frames.rmsd_nm[row.id] !== null) facts.push(["RMSD to nearest training frame (nm)", number(frames.rmsd_nm[row.id])]);
    if (frames.log_likelihood_nats[row.id] !== null) facts.push(["log-likelihood (nats)", number(frames.log_likelihood_nats[row.id], 1)]);
    for (const [column, axis] of Object.entries(axes)) facts.push([axis.title, number(frames[column][row.id])]);
    const list = this.root.querySelector(".facts");
    list.replaceChildren(
      ...facts.flatMap(([term, value]) => {
        const [name, text] = [document.createElement("dt"), document.createElement("dd")];
        [name.textContent, text.textContent] = [term, value];
        return [name, text];
      }),
    );
  }

  moved() {
    return this.data.moved[this.rows[this.chosen].cluster] || [];
  }

  strip() {
    const moved = new Set(this.moved());
    const strip = this.root.querySelector(".sequence");
    const { residues } = this.data;
    const chains = new Set(residues.map((residue) => residue.chain)).size > 1;
    const name = ({ chain, resname, resid }) => (chains ? `${chain}:` : "") + resname + resid;
    const parts = residues.map((residue, place) => {
      const letter = document.createElement("span");
      letter.textContent = residue.letter;
      letter.title = name(residue);
      if (moved.has(place)) letter.className = "moved";
      if (place > 0 && residues[place - 1].chain !== residue.chain) letter.classList.add("first");
      return letter;
    });
    strip.replaceChildren(...parts);
    const names = [...moved].map((place) => name(residues[place]));
    const words = names.length ? `Residues that moved: ${names.join(", ")}` : "Sequence; this frame is in no cluster of new frames";
    strip.setAttribute("aria-label", words);
  }

  // ---- structures

  // What was chosen meanwhile is drawn by its own call.
  async draw() {
    const [chosen, near] = [this.chosen, this.near];
    if (chosen === null || this.root.closest("[hidden]")) return;
    const shown = near >= 0 ? [chosen, near] : [chosen];
    const texts = await Promise.all(shown.map((frame) => this.structures.pdb(frame, "frame")));
    await this.page.painted();
    if (chosen !== this.chosen || this.root.closest("[hidden]")) return;
    const viewers = this.page.viewersIn(this.root.querySelectorAll(".stage"));
    if (!viewers) return;
    const together = this.at("superposed").checked;
    const beside = this.root.querySelector(".beside");
    const resized = beside.classList.contains("aside") !== together;
    beside.classList.toggle("aside", together);
    const [first, second] = viewers;
    first.removeAllModels();
    second.removeAllModels();
    const row = this.rows[chosen];
    const marked = this.at("moved").checked;
    this.put(first, texts[0], row.key, marked);
    if (near >= 0) this.put(together ? first : second, texts[1], "training", marked && !together);
    if (!this.seen || resized) this.page.zoom();
    else for (const viewer of viewers) viewer.render();
    this.seen = true;
    this.root.dataset.drawn = String(chosen);
  }

  put(viewer, pdb, key, marked) {
    const model = viewer.addModel(pdb, "pdb");
    model.setStyle({}, { cartoon: { color: this.page.color(key) } });
    if (!marked) return;
    const accent = this.page.color("accent");
    for (const place of this.moved()) {
      const { resid, chain } = this.data.residues[place];
      const part = { resi: resid, chain: chain || "A" };
      model.setStyle(part, { cartoon: { color: accent }, stick: { radius: 0.12, color: accent } });
    }
  }

  async save() {
    const row = this.rows[this.chosen];
    const frames = this.near >= 0 ? [this.chosen, this.near] : [this.chosen];
    const words = `${row.source}, ${row.name}` + (this.near >= 0 ? `; then its nearest training frame, ${this.rows[this.near].name}` : "");
    this.page.save(`${row.key}_${row.replica}_${row.frame}.pdb`, await this.structures.models(frames, words));
  }

  async saveAll(kind) {
    if (kind === "replica") {
      const number = this.at("replica").value;
      const text = await this.structures.models(this.replica(), `replica ${number}, the frames of the page`);
      this.page.save(`replica_${number}.pdb`, text);
    } else if (kind === "medoids") {
      const entries = Object.entries(this.data.medoids);
      const words = `medoids of the clusters ${entries.map(([cluster]) => cluster).join(" ")}`;
      this.page.save("medoids.pdb", await this.structures.models(entries.map(([, row]) => row), words));
    } else {
      const columns = Object.keys(this.data.axes);
      const names = ["novelty", "rmsd_nm", "log_likelihood_nats", ...columns];
      const lines = this.rows.map((row) =>
        [row.key, row.replica, row.frame, row.state, row.cluster || 0, ...names.map((name) => this.data.frames[name][row.id] ?? "")].join(","),
      );
      this.page.save("frames.csv", [["source", "replica", "frame", "state", "cluster", ...names].join(","), ...lines, ""].join("\n"));
    }
  }
}
