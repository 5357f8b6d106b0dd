/** Small helpers to make and change elements. */
import { icon } from "./icons.js";

/**
 * Find an element of the page that must be there.
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element: properties beginning with "on" are listeners, "class", "role" and those with a dash attributes.
 * @param {string} tag
 * @param {Record<string, any>} properties
 * @param {...(Node|string)} children
 * @returns {any}
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class" || name === "role" || name === "for" || name.includes("-"))
      element.setAttribute(name, String(value));
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/**
 * Make a button that shows an icon alone.
 * @param {string} shape
 * @param {string} label
 * @param {(event: Event) => void} onclick
 * @param {Record<string, any>} more
 */
export const iconButton = (shape, label, onclick, more = {}) =>
  make(
    "button",
    { class: "icon-button", type: "button", "aria-label": label, title: label, onclick, ...more },
    icon(shape),
  );

/**
 * Fill a container anew and give the focus back to the control that had it, known by its `data-key`.
 * @param {HTMLElement} container
 * @param {Node[]} children
 */
export function refill(container, children) {
  const key = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  container.replaceChildren(...children);
  if (key) container.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus();
}

/** Set a property only when it changes, so that the browser has nothing to do. */
export function put(/** @type {any} */ element, /** @type {string} */ name, /** @type {any} */ value) {
  if (element[name] !== value) element[name] = value;
}

/** Set an attribute only when it changes. */
export function mark(/** @type {Element} */ element, /** @type {string} */ name, /** @type {any} */ value) {
  if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
}
