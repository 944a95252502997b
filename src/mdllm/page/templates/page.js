"use strict";
// What holds the page together: variants, themes, charts, downloads.

// Thousands of small marks are drawn faster by the processor than by a WebGL that is itself software.
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, options) {
  return getContext.call(this, kind, kind === "2d" ? { willReadFrequently: true, ...options } : options);
};

class Page {
  constructor() {
    this.dark = JSON.parse(document.getElementById("data-dark").textContent);
    this.data = {};
    this.explorers = {};
    this.drawn = new Set();
    this.media = matchMedia("(prefers-color-scheme: dark)");
    this.media.addEventListener("change", () => this.redraw());
    document.getElementById("theme").addEventListener("click", () => this.switchTheme());
    this.select = document.getElementById("variant");
    if (this.select) this.select.addEventListener("change", () => this.show(this.select.value));
    this.variants = [...new Set([...document.querySelectorAll(".of-variant")].map((part) => part.dataset.variant))];
    addEventListener("hashchange", () => this.follow());
    this.load("system");
    this.follow();
  }

  // The variant that the address names, as the name of a variant or of one of its sections; else the first.
  follow() {
    const hash = decodeURIComponent(location.hash.slice(1));
    const named = this.variants.find((name) => hash === name || hash.startsWith(`${name}-`));
    const variant = named || this.variant || this.variants[0];
    if (variant !== this.variant) this.show(variant);
    const target = hash && document.getElementById(hash);
    if (target) target.scrollIntoView();
  }

  show(variant) {
    if (this.explorers[this.variant]) this.explorers[this.variant].stop();
    if (this.viewers) document.querySelector(".attic").append(...this.screens);
    this.variant = variant;
    if (this.select) this.select.value = variant;
    for (const part of document.querySelectorAll(".of-variant")) part.hidden = part.dataset.variant !== variant;
    this.load(`of-${variant}`);
    this.start();
    dispatchEvent(new Event("resize"));
  }

  load(name) {
    if (this.data[name]) return;
    const data = JSON.parse(document.getElementById(`data-${name}`).textContent);
    this.data[name] = data;
    for (const [id, part] of Object.entries(data.parts)) {
      const root = document.getElementById(id);
      if (part.template === "explorer.html") {
        const explorer = new Explorer(root, part, this);
        this.explorers[this.variant] = explorer;
      } else {
        for (const button of root.querySelectorAll("[data-file]")) {
          button.addEventListener("click", () => this.save(button.dataset.file, part.files[button.dataset.file]));
        }
        for (const button of root.querySelectorAll("[data-structures]")) {
          button.addEventListener("click", () => this.explorers[this.variant].saveAll(button.dataset.structures));
        }
      }
    }
  }

  // ---- charts

  spec(id) {
    return Object.values(this.data).map((data) => data.charts[id]).find(Boolean);
  }

  // The map first; when `opened` is kept, a reader can click. Then structures and all other charts: `drawing`.
  start() {
    const explorer = this.explorers[this.variant];
    this.opened = Promise.resolve(explorer && this.once(explorer.root, () => explorer.drawMap()));
    this.drawing = this.opened.then(() => this.drawRest(explorer));
  }

  once(target, draw) {
    if (this.drawn.has(target)) return undefined;
    this.drawn.add(target);
    return draw();
  }

  // Whatever is shown and not drawn yet, one after the other, so that the page answers meanwhile.
  async drawRest(explorer) {
    if (explorer) {
      await explorer.draw();
      await this.once(explorer.at("variable"), () => explorer.drawSeries());
    }
    for (const target of document.querySelectorAll(".chart")) {
      if (target.closest("[hidden]")) continue;
      await this.painted();
      await this.once(target, () => this.embed(target, this.spec(target.id), "svg"));
    }
  }

  // After the browser has drawn what it has.
  painted() {
    return new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  }

  async embed(target, spec, renderer) {
    const columns = Math.max(1, Math.floor(target.clientWidth / 260));
    const result = await vegaEmbed(target, this.recolored(this.narrowed(spec, columns)), {
      renderer,
      actions: { export: true, source: false, compiled: false, editor: false },
      tooltip: { theme: this.isDark() ? "dark" : "light" },
      config: this.config(),
    });
    const picture = target.querySelector("svg.marks, canvas.marks");
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", spec.description || "Chart");
    const menu = target.querySelector("details > summary");
    if (menu) menu.setAttribute("aria-label", "Save this chart");
    return result.view;
  }

  config() {
    const style = getComputedStyle(document.documentElement);
    const [ink, faint] = ["--ink", "--line"].map((name) => style.getPropertyValue(name).trim());
    const font = getComputedStyle(document.body).fontFamily;
    return {
      mark: { aria: false },
      background: "transparent",
      font,
      view: { stroke: faint },
      axis: { aria: false, labelColor: ink, titleColor: ink, gridColor: faint, domainColor: ink, tickColor: ink, labelFontSize: 12, titleFontSize: 13, titleFontWeight: 500, labelLimit: 220 },
      axisXQuantitative: { tickCount: { expr: "max(2, ceil(width / 75))" } },
      legend: { aria: false, labelColor: ink, titleColor: ink, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, labelLimit: 260 },
      header: { labelColor: ink, titleColor: ink, labelFontSize: 13, titleFontSize: 13 },
      range: { heatmap: this.isDark() ? ["#22262C", "#F2F2F2"] : ["#FFFFFF", "#222222"] },
    };
  }

  // With so few columns in its legends that none is cut off.
  narrowed(spec, columns) {
    return JSON.parse(JSON.stringify(spec), (key, value) => (key === "columns" ? Math.min(value, columns) : value));
  }

  recolored(spec) {
    if (!this.isDark()) return spec;
    return JSON.parse(JSON.stringify(spec).replace(/#[0-9A-F]{6}/g, (color) => this.dark[color] || color));
  }

  // ---- themes

  isDark() {
    const own = document.documentElement.dataset.theme;
    return own ? own === "dark" : this.media.matches;
  }

  switchTheme() {
    document.documentElement.dataset.theme = this.isDark() ? "light" : "dark";
    this.redraw();
  }

  // Charts of variants that are hidden are drawn when they are shown.
  redraw() {
    for (const viewer of this.viewers || []) viewer.setBackgroundColor(this.ground());
    this.drawn.clear();
    this.start();
  }

  ground() {
    return getComputedStyle(document.documentElement).getPropertyValue("--card").trim();
  }

  color(key) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${key}`).trim();
  }

  // ---- structures

  // The two viewers of the page, which all variants share, moved into these two elements; null without WebGL.
  viewersIn(stages) {
    if (this.viewers === undefined) {
      const library = document.createElement("script");
      library.textContent = document.getElementById("viewer").textContent;
      document.head.append(library);
      this.screens = [...stages].map((stage) => stage.appendChild(document.createElement("div")));
      for (const screen of this.screens) screen.className = "screen";
      const options = { backgroundColor: this.ground(), antialias: true };
      this.viewers = this.screens.map((screen) => $3Dmol.createViewer(screen, options));
      if (this.viewers.every(Boolean)) {
        const [first, second] = this.viewers;
        first.linkViewer(second);
        second.linkViewer(first);
      } else {
        this.viewers = null;
      }
    }
    if (!this.viewers) {
      for (const stage of stages) stage.textContent = "This browser draws no 3D (WebGL); structures can be saved as PDB.";
      return null;
    }
    stages.forEach((stage, number) => {
      if (this.screens[number].parentElement !== stage) stage.append(this.screens[number]);
    });
    return this.viewers;
  }

  zoom() {
    for (const viewer of this.viewers || []) {
      viewer.resize();
      viewer.zoomTo();
      viewer.render();
    }
  }

  // ---- downloads

  save(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

addEventListener("DOMContentLoaded", () => {
  window.mdllmPage = new Page();
});
