/** Plays at the video's rate; frames that come too late are skipped. */

const IMPATIENCE = 600; // milliseconds without a new frame before the clock waits for one

/** @returns {{toggle: () => void}} */
export function createPlayer(/** @type {import("./main.js").App} */ { store, stage }) {
  let [began, from, changed] = [0, 0, 0];

  function tick(/** @type {number} */ now) {
    const { playing, session, frame } = store.get();
    if (!playing || !session) return;
    const { rate, frames } = session.video;
    if (stage.shown?.frame === frame || changed === 0) changed = now;
    if (now - changed > IMPATIENCE) [began, from] = [now, frame]; // a slow server: wait here rather than run ahead
    const passed = Math.max(0, now - began); // a frame of the animation may begin before the click
    const due = from + Math.floor((passed / 1000) * rate);
    const next = due % frames;
    const isReady = stage.shown?.frame === frame || now - changed > IMPATIENCE / 3;
    if (next !== frame && isReady) store.set({ frame: next });
    requestAnimationFrame(tick);
  }

  return {
    toggle() {
      const { playing, session, frame } = store.get();
      if (!session) return;
      const start = frame === session.video.frames - 1 ? 0 : frame;
      store.set({ playing: !playing, frame: playing ? frame : start, following: false, region: null });
      [began, from, changed] = [performance.now(), start, 0];
      if (!playing) requestAnimationFrame(tick);
    },
  };
}
