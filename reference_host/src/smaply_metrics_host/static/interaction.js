// Nothing is replaced between pointer down and up, or the click would be lost. Nor while the name of an
// option is typed into a select, or the next letter would begin the name of another option.
const ONE_NAME = 1000; // Milliseconds after a letter in which browsers add the next one to the same name.
let pressed = null;
let typed = -Infinity;
document.addEventListener("pointerdown", () => { pressed = Promise.withResolvers?.() ?? null; }, true);
for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => setTimeout(() => { pressed?.resolve(); pressed = null; }), true);
document.addEventListener("keydown", (event) => {
  typed = event.target.matches("select") && event.key.length === 1 ? performance.now() : -Infinity;
}, true);

const wait = (milliseconds) => new Promise((go) => { setTimeout(go, milliseconds); });

export async function interactionEnded() {
  await Promise.race([pressed?.promise, wait(pressed ? 1000 : 0)]);
  while (performance.now() < typed + ONE_NAME) await wait(50);
}
