// Whether a form differs from what the server wrote: filled in before its script came, or kept by the
// browser when a page is opened again.
export function touched(form) {
  const written = form.cloneNode(true);
  written.reset();
  return filledIn(form) !== filledIn(written);
}

const filledIn = (form) => new URLSearchParams(new FormData(form)).toString();
