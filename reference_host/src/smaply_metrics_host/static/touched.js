// Whether a form differs from what the server rendered: it was changed before the scripts loaded, or
// the browser restored its values.
export function touched(form) {
  const written = form.cloneNode(true);
  written.reset();
  return filledIn(form) !== filledIn(written);
}

const filledIn = (form) => new URLSearchParams(new FormData(form)).toString();
