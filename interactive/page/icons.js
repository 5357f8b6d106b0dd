/** Our own icons, drawn in a square of 24 units. */

const SHAPES = {
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  redo: "m15 14 5-5-5-5M20 9H10a6 6 0 0 0 0 12h3",
  scribble: "M3 17c4-9 7-12 8-10s-5 9-2 10 5-9 8-8-3 7 0 8 3-1 4-2",
  brush: "M20 3 10.5 12.5M8.5 13a3.8 3.8 0 0 0-3.8 3.8c0 1.6-.9 2.7-2.2 3.2 4 1.4 9 .4 9-3.7M10.5 12.5l2 2L21 4",
  eraser: "m7 20-4-4a2 2 0 0 1 0-2.8L12.2 4a2 2 0 0 1 2.8 0l5 5a2 2 0 0 1 0 2.8L12 20M7 20h14M8 8.5l7.5 7.5",
  box: "M4 8V4h4M16 4h4v4M20 16v4h-4M8 20H4v-4M10 12h4M12 10v4",
  fill: "m11 3 8.5 8.5-8 8a2 2 0 0 1-2.8 0l-5.2-5.2a2 2 0 0 1 0-2.8L11 4M3.5 12.5h15M21 15.5c1 1.6 1.4 2.4 1.4 3.1a1.4 1.4 0 0 1-2.8 0c0-.7.4-1.5 1.4-3.1z",
  region: "M4 4h4M4 4v4M20 4h-4M20 4v4M4 20h4M4 20v-4M20 20h-4M20 20v-4M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
  hand: "M7 11V6.5a1.5 1.5 0 0 1 3 0V11M10 10.5v-6a1.5 1.5 0 0 1 3 0v6M13 10.5V6a1.5 1.5 0 0 1 3 0v6M16 11.5V8.5a1.5 1.5 0 0 1 3 0V15c0 4-2.5 6.5-6 6.5-3 0-4.400-1.300-5.800-3.700L4.300 13.500a1.500 1.500 0 0 1 2.600-1.500L8 13.500",
  background: "M4 4h16v16H4zM4 10l6-6M4 16 16 4M5 20 20 5M11 20l9-9M17 20l3-3",
  outline: "M6 15c-3-5 1-11 7-10s8 6 5 11-9 4-12-1z",
  import: "M12 3v11M8 10.500l4 4 4-4M4 16v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3",
  export: "M12 15V4M8 7.500l4-4 4 4M4 16v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3",
  objects: "M4 6h3M4 12h3M4 18h3M11 6h9M11 12h9M11 18h9",
  theme: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  help: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M9.500 9.500a2.500 2.500 0 1 1 3.700 2.200c-.8.500-1.200 1-1.200 1.900M12 17v.1",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  close: "m6 6 12 12M18 6 6 18",
  reset: "M5 7h14M10 4h4M7 7l1 13h8l1-13M10.500 11v5.500M13.500 11v5.500",
  remove: "m6 6 12 12M18 6 6 18",
  rename: "M4 20l1-4L16.500 4.500a2 2 0 0 1 3 3L8 19zM14.500 6.500l3 3",
  eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600",
  hidden:
    "M3 3l18 18M10 5.700A9 9 0 0 1 12 5.500c6 0 9.500 6.500 9.500 6.500a17 17 0 0 1-3 3.700M6.200 7.300A17 17 0 0 0 2.500 12S6 18.500 12 18.500c1.700 0 3.200-.500 4.500-1.200",
  first: "M6 5v14M19 5.500v13L9 12z",
  last: "M18 5v14M5 5.500v13L15 12z",
  back: "m14.500 6-6 6 6 6",
  next: "m9.500 6 6 6-6 6",
  play: "M7 4.500v15l12.500-7.500z",
  pause: "M8 5v14M16 5v14",
  stop: "M6 6h12v12H6z",
  backward: "m11 6-6 6 6 6M5 12h15",
  forward: "m13 6 6 6-6 6M19 12H4",
  both: "m8 7-5 5 5 5M16 7l5 5-5 5M3 12h18",
  download: "M12 4v10M8 10.500l4 4 4-4M5 20h14",
};

/**
 * Make an icon; its name is for the eye only, so the control that holds it needs a label.
 * @param {keyof typeof SHAPES} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** Show another icon in a control that has one. */
export function setIcon(/** @type {HTMLElement} */ element, /** @type {keyof typeof SHAPES} */ name) {
  if (element.dataset.icon === name && element.querySelector("svg")) return;
  element.dataset.icon = name;
  element.querySelector("svg")?.remove();
  element.prepend(icon(name));
}

/** Draw the icons that the page's controls name. */
export function drawIcons() {
  for (const element of document.querySelectorAll("[data-icon]")) setIcon(element, element.dataset.icon);
}
