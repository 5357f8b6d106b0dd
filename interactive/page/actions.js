/** What a person does, turned into requests to the server and changes of the page's state. */
import { canEdit, canPropagate, NEW_OBJECT } from "./session.js";
import { findTool } from "./tools.js";

const MOST_POINTS = 4000; // of a stroke; the server takes 20 000
const LONGEST = 3000; // milliseconds that a painted stroke waits for its mask
const EDITS_PAUSED = "wait until the round is done, or pause it";

export class Actions {
  /**
   * @param {ReturnType<typeof import("./store.js").createStore>} store
   * @param {import("./connection.js").Connection} connection
   * @param {import("./media.js").Media} media
   * @param {(level: string, text: string) => void} tell
   */
  constructor(store, connection, media, tell) {
    Object.assign(this, { store, connection, media, tell });
    /** @type {Set<string>} kinds of exports that this page waits for, to download them */
    this.awaited = new Set();
  }

  /** Ask the server; a refusal is shown. */
  async ask(/** @type {string} */ name, /** @type {object} */ more = {}) {
    try {
      return await this.connection.send(name, more);
    } catch (error) {
      this.tell("error", error.message);
      return null;
    }
  }

  /** Ask for a change, if changes are possible now. */
  async edit(/** @type {string} */ name, /** @type {object} */ more = {}) {
    const state = this.store.get();
    if (canEdit(state)) return this.ask(name, more);
    if (state.session && !state.session.writer)
      this.tell("warning", "another page works on this video: take over first");
    else if (state.session?.job) this.tell("warning", EDITS_PAUSED);
    return null;
  }

  /** Show a frame; a person who does so wants to stay there. */
  show(/** @type {number} */ frame) {
    const { session } = this.store.get();
    if (!session || Number.isNaN(frame)) return;
    const valid = Math.min(session.video.frames - 1, Math.max(0, Math.round(frame)));
    this.store.set({ frame: valid, playing: false, following: false, region: null });
  }

  step(/** @type {number} */ frames) {
    this.show(this.store.get().frame + frames);
  }

  chooseTool(/** @type {string} */ tool) {
    this.store.set({ tool, stroke: null });
  }

  chooseObject(/** @type {number} */ object) {
    this.store.set({ object });
  }

  /** Choose the object at a place in the list, from 0 on. */
  chooseNumber(/** @type {number} */ index) {
    const object = this.store.get().session?.objects[index];
    if (object) this.chooseObject(object.id);
  }

  async addObject() {
    const answer = await this.edit("add_object", {});
    if (answer) this.chooseObject(answer.object);
    return answer?.object ?? 0;
  }

  /** Add the object of the first stroke; strokes that follow at once wait for the same one. */
  async #firstObject() {
    this.added ??= this.addObject().finally(() => (this.added = undefined));
    return this.added;
  }

  /** Finish the stroke that is being drawn. */
  finish(/** @type {import("./store.js").Stroke} */ stroke) {
    this.store.set({ stroke: null });
    if (!canEdit(this.store.get())) return this.edit("");
    const points = thin(this.#clamp(stroke.points));
    if (stroke.kind === "region") return this.#setRegion(points);
    if (stroke.kind === "box" && points.length < 2) return null;
    return this.#send({ ...stroke, points: stroke.kind === "box" ? [points[0], points[points.length - 1]] : points });
  }

  async #send(/** @type {import("./store.js").Stroke} */ stroke) {
    const { session, region } = this.store.get();
    if (!session.objects.length && !stroke.object)
      return this.tell("warning", "mark an object first; then what is not part of it");
    this.store.set({ pending: [...this.store.get().pending, stroke] });
    if (stroke.object === NEW_OBJECT) {
      const own = { ...stroke, object: await this.#firstObject() };
      this.store.set({ pending: this.store.get().pending.map((one) => (one === stroke ? own : one)) });
      if (!own.object) return this.settle(own, true);
      stroke = own;
    }
    const { frame, points, object, kind, thickness } = stroke;
    const answer =
      kind === "draw"
        ? await this.ask("draw", { frame, points, object, thickness })
        : kind === "fill"
          ? await this.ask("fill", { frame, point: points[0], object })
          : await this.ask("scribble", { frame, points, object, box: kind === "box", region });
    return this.settle(stroke, !answer || kind !== "draw", answer?.revision);
  }

  /** Forget a stroke that is done: at once, or when its mask is on the screen. */
  settle(/** @type {import("./store.js").Stroke} */ stroke, /** @type {boolean} */ atOnce, revision = 0) {
    const { pending } = this.store.get();
    this.store.set({
      pending: pending.flatMap((one) =>
        one !== stroke ? [one] : atOnce ? [] : [{ ...one, revision, until: performance.now() + LONGEST }],
      ),
    });
  }

  /** Forget strokes whose masks have arrived. */
  tidy() {
    const { pending, session, frame } = this.store.get();
    const isComing = ({ revision }) => session.revisions[frame] < revision || !this.media.isUpToDate(session, frame);
    const rest = pending.filter(
      (one) => !one.until || (one.frame === frame && isComing(one) && performance.now() < one.until),
    );
    if (rest.length < pending.length) this.store.set({ pending: rest });
  }

  #setRegion(/** @type {number[][]} */ points) {
    const [xs, ys] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const region = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)].map(Math.round);
    const isLarge = region[2] - region[0] > 8 && region[3] - region[1] > 8;
    this.store.set({ region: isLarge ? region : null, tool: isLarge ? "scribble" : this.store.get().tool });
  }

  #clamp(/** @type {number[][]} */ points) {
    const { width, height } = this.store.get().session.video;
    const within = (value, size) => Math.round(Math.min(size - 1, Math.max(0, value)) * 10) / 10;
    return points.map(([x, y]) => [within(x, width), within(y, height)]);
  }

  /** Begin a stroke with the chosen tool. */
  begin(/** @type {number[]} */ point, /** @type {boolean} */ isBackground) {
    const { tool, object, frame, thickness, background } = this.store.get();
    const kind = findTool(tool).stroke;
    const isGround = tool === "eraser" || isBackground || (background && (kind === "scribble" || kind === "box"));
    const target = isGround ? 0 : object || NEW_OBJECT;
    return /** @type {import("./store.js").Stroke} */ ({ kind, frame, object: target, points: [point], thickness });
  }

  async propagate(/** @type {string} */ direction) {
    const state = this.store.get();
    if (!canPropagate(state)) return void this.tell("warning", "mark an object in a frame first; then propagate");
    const more = state.session.changed.length ? {} : { frame: state.frame };
    this.store.set({ playing: false, following: true, region: null });
    return this.ask("propagate", { direction, ...more });
  }

  /** Pause the job, or go on with it. */
  togglePause() {
    const job = this.store.get().session?.job;
    if (job) this.ask(job.paused ? "resume" : "pause");
    if (job?.paused) this.store.set({ following: true });
  }

  async exportAs(/** @type {string} */ kind, /** @type {string} */ to) {
    if ((await this.ask("export", { kind, to })) && to === "download") this.awaited.add(kind);
  }

  /** Send a mask file for the frame that is shown. */
  async importMask(/** @type {File} */ file) {
    const state = this.store.get();
    if (!canEdit(state)) return this.edit("");
    const query = state.session.client ? `?client=${encodeURIComponent(state.session.client)}` : "";
    try {
      const response = await fetch(`/import/${state.frame}${query}`, {
        method: "POST",
        body: file,
        headers: { "X-Session": "1" },
      });
      const answer = await response.json();
      this.tell(
        response.ok ? "note" : "error",
        response.ok ? `${file.name} is the mask of frame ${state.frame}` : answer.error,
      );
    } catch (error) {
      this.tell("error", `${file.name}: ${error.message}`);
    }
  }
}

/** Take so many points out that a long stroke stays small. */
function thin(/** @type {number[][]} */ points) {
  const step = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, index) => index % step === 0 || index === points.length - 1);
}
