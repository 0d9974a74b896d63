"use strict";
// Sorting, filtering and the flame graphs of a report. The page can be read without all of it.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector) => document.querySelector(selector);
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

  for (const part of all(".needs-script")) part.hidden = false;

  // The table of cases.
  const table = one("#table");
  const rows = table ? all("tbody tr", table) : [];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const details = new Map(all("details.case").map((element) => [element.id, element]));

  function valueOf(row, key, kind) {
    if (kind === "number") return Number(row.dataset[key]);
    if (key === "standing") return ["failed", "open", "ok"].indexOf(row.dataset.standing);
    return row.querySelector(`.column-${key}`).textContent.trim().toLowerCase();
  }

  function sortBy(header) {
    const { key, kind } = header.dataset;
    const down = header.getAttribute("aria-sort") === "ascending";
    for (const other of all("th", table)) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
    const keyed = rows.map((row) => [valueOf(row, key, kind), row]);
    const sign = down ? -1 : 1;
    keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
    one("#table tbody").append(...keyed.map(([, row]) => row));
  }

  for (const header of table ? all("thead th", table) : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    button.addEventListener("click", () => sortBy(header));
    header.append(button);
  }

  function filter() {
    const words = one("#filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    const standing = one("#standing").value;
    let shown = 0;
    for (const row of rows) {
      const text = texts.get(row);
      const fits = (!standing || row.dataset.standing === standing) && words.every((word) => text.includes(word));
      row.hidden = !fits;
      const case_ = details.get(row.dataset.case);
      if (case_) case_.hidden = !fits;
      shown += fits;
    }
    one("#shown").textContent = shown === rows.length ? "" : `${shown} of ${rows.length} shown`;
  }

  if (table) {
    let waiting = 0;
    one("#filter").addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 60);
    });
    one("#standing").addEventListener("change", filter);
    document.addEventListener("keydown", (event) => {
      const busy = /^(input|select|textarea)$/i.test(event.target.tagName);
      if (event.key === "/" && !busy && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        one("#filter").focus();
      } else if (event.key === "Escape" && event.target.id === "filter") {
        event.target.value = "";
        filter();
      }
    });
  }

  // Links to details open them.
  function openTarget() {
    const target = details.get(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    target.hidden = false;
    target.open = true;
    target.scrollIntoView();
  }
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#case-"]');
    if (link && link.hash === location.hash) openTarget();
  });
  openTarget();

  const setAll = (open) => details.forEach((element) => { if (!element.hidden) element.open = open; });
  one("#open-all")?.addEventListener("click", () => setAll(true));
  one("#close-all")?.addEventListener("click", () => setAll(false));

  // Paper cannot be clicked, so what is closed is opened for it, unless that would be a book.
  const MOST_PRINTED = 60;
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = details.size > MOST_PRINTED ? [] : all("details:not([open]):not(.flame)");
    for (const element of closed) element.open = true;
  });
  addEventListener("afterprint", () => {
    for (const element of closed) element.open = false;
  });

  // Flame graphs are drawn when they are opened, because each takes a while.
  function size(bytes) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let value = Math.abs(bytes), unit = 0;
    while (value >= 1024 && unit < units.length - 1) { value /= 1024; unit += 1; }
    return `${bytes < 0 ? "-" : ""}${value.toFixed(unit ? 1 : 0)} ${units[unit]}`;
  }

  class Flame {
    constructor(box) {
      this.box = box;
      this.place = box.querySelector(".flame-graph");
      this.told = box.querySelector(".flame-told");
      this.search = box.querySelector(".flame-search");
      this.tree = JSON.parse(document.getElementById(`flame-${box.dataset.flame}`).textContent);
      this.here = null;
      this.draw();
      this.search.addEventListener("input", () => this.find());
      box.querySelector(".flame-reset").addEventListener("click", () => this.reset());
      this.place.addEventListener("keydown", (event) => this.key(event));
      let waiting = 0, width = this.place.clientWidth;
      new ResizeObserver(() => {
        if (this.place.clientWidth === width || !this.place.clientWidth) return;
        width = this.place.clientWidth;
        clearTimeout(waiting);
        waiting = setTimeout(() => this.draw(), 150);
      }).observe(this.place);
    }

    draw() {
      this.place.textContent = "";
      this.here = null;
      const whole = this.tree.v;
      this.describe = (node) => {
        const data = node.data;
        const amount = "d" in data
          ? `${data.d > 0 ? "+" : ""}${size(data.d)}: ${size(data.b)} now, ${size(data.b - data.d)} in the baseline`
          : `${size(data.v)}, ${((data.v / whole) * 100).toFixed(1)} %`;
        return `${data.n}: ${amount}${data.f ? ` — ${data.f}` : ""}`;
      };
      this.chart = flamegraph()
        .width(this.place.clientWidth).cellHeight(18).inverted(true).minFrameSize(1)
        .transitionDuration(calm ? 0 : 180)
        .setLabelHandler(this.describe).setDetailsElement(this.told)
        .setSearchMatch((node, term) => Boolean(term) &&
          `${node.data.n} ${node.data.f || ""}`.toLowerCase().includes(term.toLowerCase()))
        .setSearchHandler((found, sum, total) => {
          this.told.textContent = this.search.value
            ? `${found.length} frames match: ${size(sum)}, ${((sum / total) * 100).toFixed(1)} %` : "";
        })
        .setColorMapper((node) => this.colour(node));
      // A copy, because the library writes into what it draws.
      d3.select(this.place).datum(structuredClone(this.tree)).call(this.chart);
      if (this.search.value) this.find();
    }

    colour(node) {
      if (node.highlight) return "var(--hit)";
      if ("d" in node.data) return node.data.d > 0 ? "var(--more)" : node.data.d < 0 ? "var(--less)" : "var(--room)";
      return node.data.o ? "var(--own)" : "var(--library)";
    }

    find() { this.chart.search(this.search.value); }

    frames() { return all("g.frame", this.place); }

    root() {
      let node = this.frames()[0]?.__data__;
      while (node?.parent) node = node.parent;
      return node;
    }

    reset() {
      this.search.value = "";
      this.chart.clear();
      this.chart.resetZoom();
      this.told.textContent = "";
    }

    go(node) {
      if (!node) return;
      this.here = node;
      for (const frame of this.frames()) frame.classList.toggle("here", frame.__data__ === node);
      this.told.textContent = this.describe(node);
    }

    key(event) {
      const here = this.here || this.root();
      const beside = here.parent ? here.parent.children : [here];
      const at = beside.indexOf(here);
      const steps = {
        ArrowDown: () => this.go(this.here ? here.children?.[0] : here),
        ArrowUp: () => this.go(here.parent),
        ArrowRight: () => this.go(beside[at + 1]),
        ArrowLeft: () => this.go(beside[at - 1]),
        Enter: () => { this.chart.zoomTo(here); this.go(here); },
        Escape: () => this.reset(),
      };
      if (!steps[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      steps[event.key]();
    }
  }

  for (const box of all("details.flame")) {
    box.addEventListener("toggle", () => {
      if (box.open && !box.drawn) box.drawn = new Flame(box);
    });
  }
})();
