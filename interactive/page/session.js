/** What the server tells of the session, and how the page reads it. */

/**
 * @typedef {{kind: string, paused: boolean, done: number, total: number, frame: number, direction?: string}} Job
 * @typedef {{id: number, name: string, colour: string}} ObjectEntry
 *
 * @typedef {object} SessionState
 * @property {{name: string, key: string, frames: number, width: number, height: number, rate: number, names?: string[]}} video
 * @property {number[]} working_size  height and width of the masks
 * @property {boolean} writer
 * @property {ObjectEntry[]} objects
 * @property {number[]} interacted
 * @property {number[]} changed
 * @property {Uint8Array} computed  1 for frames with a result
 * @property {Map<number, Uint8Array>} presence  of each object: 1 for the frames where it is seen
 * @property {Float64Array} revisions  of each frame; 0: no mask
 * @property {{frame: number, region: number[]|null, strokes: {points: number[][], object: number, box: boolean}[]}|null} strokes
 * @property {string|null} undo
 * @property {string|null} redo
 * @property {Job|null} job
 * @property {[string, string][]} exports
 * @property {Record<string, any>} info
 * @property {string} version
 */

/**
 * Read a state event: runs of frames become arrays with an entry for each frame.
 * @param {any} event
 * @returns {SessionState}
 */
export function readState(event) {
  const { frames } = event.video;
  const revisions = new Float64Array(frames);
  for (const [first, last, revision] of event.revisions ?? []) revisions.fill(revision, first, last + 1);
  const presence = new Map();
  for (const { id } of event.objects) presence.set(id, fromRuns(event.presence?.[id] ?? [], frames));
  return {
    strokes: null,
    exports: [],
    info: {},
    version: "",
    ...event,
    revisions,
    presence,
    computed: fromRuns(event.computed, frames),
  };
}

/**
 * Take one finished frame of a job into a copy of the state; the long arrays are shared, not copied.
 * @param {SessionState} session
 * @param {any} event
 * @returns {SessionState}
 */
export function readProgress(session, event) {
  const { frame, revision, present, job } = event;
  if (job?.kind === "propagate" && Number.isInteger(frame)) {
    session.revisions[frame] = revision;
    session.computed[frame] = 1;
    for (const [id, seen] of session.presence) seen[frame] = present?.includes(id) ? 1 : 0;
  }
  return { ...session, job };
}

function fromRuns(/** @type {number[][]} */ runs, /** @type {number} */ frames) {
  const flags = new Uint8Array(frames);
  for (const [first, last] of runs ?? []) flags.fill(1, first, last + 1);
  return flags;
}

/** Stands for the object that the first stroke adds, in a colour of ours until the server has chosen one. */
export const NEW_OBJECT = -1;
const NEW_COLOUR = "#e6194b";

/** Give the colours of the objects that are shown. */
export const colourMap = (/** @type {SessionState} */ { objects }, /** @type {number[]} */ hidden = []) =>
  new Map([
    [NEW_OBJECT, NEW_COLOUR],
    ...objects.filter(({ id }) => !hidden.includes(id)).map(({ id, colour }) => [id, colour]),
  ]);

/** Tell whether a person can change something now. */
export const canEdit = (/** @type {import("./store.js").State} */ { connection, session }) =>
  connection === "open" &&
  session !== null &&
  session.writer &&
  (!session.job || session.job.paused || session.job.kind === "export");

/** Tell whether a round could start: something was marked. */
export const canPropagate = (/** @type {import("./store.js").State} */ state) =>
  canEdit(state) &&
  (!state.session.job || state.session.job.paused) &&
  state.session.objects.length > 0 &&
  (state.session.changed.length > 0 || state.session.revisions[state.frame] > 0);

/**
 * List runs of ones: [first, last] of each.
 * @param {Uint8Array} flags
 */
export function toRuns(flags) {
  const runs = [];
  for (let first = flags.indexOf(1); first >= 0; ) {
    const end = flags.indexOf(0, first);
    runs.push([first, (end < 0 ? flags.length : end) - 1]);
    first = end < 0 ? -1 : flags.indexOf(1, end);
  }
  return runs;
}
