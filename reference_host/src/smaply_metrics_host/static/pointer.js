// Nothing is replaced between pointer down and up, or the click would be lost.
let pressed = null;
document.addEventListener("pointerdown", () => { pressed = Promise.withResolvers?.() ?? null; }, true);
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => { pressed?.resolve(); pressed = null; }), true);
export const released = () => Promise.race([pressed?.promise, new Promise((go) => { setTimeout(go, pressed ? 1000 : 0); })]);
