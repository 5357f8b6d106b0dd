/** The page's state in one place; everything is drawn from it, once in an animation frame. */

/**
 * @typedef {object} Stroke
 * @property {"scribble"|"draw"|"box"} kind
 * @property {number} frame
 * @property {number} object  0: the background, or the eraser
 * @property {number[][]} points  x and y in pixels of the video
 * @property {number} thickness  of brush and eraser, in pixels of the video
 * @property {number} [revision]  of its mask, once the server has told
 * @property {number} [until]  when it goes at the latest, once the server has told
 *
 * @typedef {object} State
 * @property {"connecting"|"open"|"lost"} connection
 * @property {import("./session.js").SessionState|null} session  what the server said last
 * @property {number} frame  the frame to show
 * @property {boolean} playing
 * @property {boolean} following  whether the picture follows a round
 * @property {string} tool
 * @property {number} object  the chosen object, 0 for none
 * @property {boolean} background  whether strokes mark the background
 * @property {number} thickness
 * @property {"overlay"|"mask"|"cutout"|"popup"} view
 * @property {number} opacity  0 to 1
 * @property {boolean} outline
 * @property {boolean} covered  whether masks are shown at all
 * @property {number[]} hidden  ids of the objects that are not shown
 * @property {number[]|null} region  left, top, right, bottom of the part to work on
 * @property {Stroke|null} stroke  the stroke that is being drawn
 * @property {Stroke[]} pending  strokes whose masks are not there yet
 * @property {{x: number, y: number}|null} pointer  where the pointer or the keyboard's cursor is
 * @property {boolean} cursor  whether the arrow keys move a cursor
 * @property {boolean} hand  whether the pointer moves the picture
 * @property {{zoom: number, x: number, y: number}} look  enlargement over the fitting size, and the picture's offset
 * @property {boolean} drawer  whether the objects are open on a narrow screen
 * @property {"auto"|"dark"|"light"} theme  auto: as the system wishes
 * @property {string[]} hints  hints that were put away
 */

/**
 * Keep a state and tell listeners of its changes, at most once in an animation frame.
 * @param {State} initial
 */
export function createStore(initial) {
  let state = initial;
  let drawn = /** @type {State|null} */ (null);
  let isScheduled = false;
  /** @type {((state: State, before: State|null) => void)[]} */
  const listeners = [];

  const flush = () => {
    isScheduled = false;
    const [now, before] = [state, drawn];
    drawn = now;
    for (const listener of listeners) listener(now, before);
  };
  return {
    /** Give the present state; it is never changed, only replaced. */
    get: () => state,
    /** Replace parts of the state. */
    set(/** @type {Partial<State>} */ changes) {
      state = { ...state, ...changes };
      if (!isScheduled) requestAnimationFrame(flush);
      isScheduled = true;
    },
    /** Call a function with each new state and the one that was drawn before. */
    listen(/** @type {(state: State, before: State|null) => void} */ listener) {
      listeners.push(listener);
    },
  };
}

/**
 * Call a function when what it depends on has changed.
 * @param {ReturnType<typeof createStore>} store
 * @param {(state: State) => any[]} select
 * @param {(state: State) => void} draw
 */
export function onChange(store, select, draw) {
  /** @type {any[]|null} */
  let last = null;
  store.listen((state) => {
    const values = select(state);
    const isNew = !last || values.some((value, index) => value !== /** @type {any[]} */ (last)[index]);
    last = values;
    if (isNew) draw(state);
  });
}
