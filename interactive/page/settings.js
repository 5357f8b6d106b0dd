/** What the browser remembers of a person's choices; nothing of the work itself. */

const KEPT = ["thickness", "view", "opacity", "outline", "theme", "hints", "tool"];
const PLACE = "segment-a-video";

/** Give the state at the start: defaults, and what was chosen last time. */
export function initialState() {
  return /** @type {import("./store.js").State} */ ({
    connection: "connecting",
    session: null,
    frame: 0,
    playing: false,
    following: false,
    tool: "scribble",
    object: 0,
    background: false,
    thickness: 24,
    view: "overlay",
    opacity: 0.5,
    outline: true,
    covered: true,
    hidden: [],
    region: null,
    stroke: null,
    pending: [],
    pointer: null,
    cursor: false,
    hand: false,
    look: { zoom: 1, x: 0, y: 0 },
    drawer: false,
    theme: "auto",
    hints: [],
    ...read(PLACE),
  });
}

/**
 * Remember choices from now on; what belongs to one video, under its key.
 * @param {ReturnType<import("./store.js").createStore>} store
 */
export function keepSettings(store) {
  let isHere = "";
  store.listen((state, before) => {
    if (before && KEPT.some((name) => state[name] !== before[name])) {
      write(PLACE, Object.fromEntries(KEPT.map((name) => [name, state[name]])));
    }
    const key = state.session?.video.key;
    if (!key) return;
    const place = `${PLACE}:${key}`;
    if (isHere !== key) {
      isHere = key;
      const { frame = 0, object = 0, hidden = [] } = read(place);
      const isKnown = state.session.objects.some(({ id }) => id === object);
      store.set({ frame: Math.min(frame, state.session.video.frames - 1), hidden, ...(isKnown ? { object } : {}) });
    } else if (before && !state.playing && ["frame", "object", "hidden"].some((name) => state[name] !== before[name])) {
      write(place, { frame: state.frame, object: state.object, hidden: state.hidden });
    }
  });
}

/** @returns {Record<string, any>} */
function read(/** @type {string} */ place) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "{}");
  } catch {
    return {}; // a browser may refuse to remember
  }
}

function write(/** @type {string} */ place, /** @type {object} */ value) {
  try {
    localStorage.setItem(place, JSON.stringify(value));
  } catch {
    // A browser that refuses to remember shows the defaults next time.
  }
}
