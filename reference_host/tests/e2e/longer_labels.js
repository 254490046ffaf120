// Lengthens the texts of a page as a translation would, and finds texts that do not fit.
(() => {
  // What is translated, and what in it is not: texts of people and of survey tools.
  const INTERFACE = "button, .button, label, legend, h1, h2, h3, h4, th, summary, nav a, caption, .label, .help, .quiet, .chip, .banner-title, .empty-title, .card-label, .card-state, .card-few";
  const OTHER = "bdi, [dir=auto], [dir=auto] *, code, svg, noscript, select, textarea, .chart";
  const SLACK = 1.5; // pixels
  const MOST_OVER = 3; // pixels by which lines of text may touch

  const style = (element) => getComputedStyle(element);
  const within = (element) => element ? [element, ...within(element.parentElement)] : [];
  const scrolls = (element) => [style(element).overflowX, style(element).overflowY].some((one) => ["auto", "scroll"].includes(one));
  const name = (element) => [element.localName, ...element.classList].join(".");
  const says = ({ node, parent }) => `${name(parent)} “${node.data.trim().replace(/\s+/g, " ").slice(0, 60)}”`;
  const isHidden = (element) => !element.checkVisibility({ visibilityProperty: true })
    || element.closest(".visually-hidden, [hidden]") || within(element).some((one) => style(one).clipPath.startsWith("inset"));

  function nodes() {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, parent = node.parentElement;
      if (node.data.trim() && parent.closest(INTERFACE) && !parent.closest(OTHER)) found.push({ node, parent });
    }
    return found;
  }

  // The lines of a text; with `seen`, only what is not scrolled out of sight.
  function lines({ node, parent }, seen) {
    const range = document.createRange();
    range.selectNodeContents(node);
    const views = seen ? within(parent).filter(scrolls).map((one) => one.getBoundingClientRect()) : [];
    return [...range.getClientRects()].map(({ left, right, top, bottom }) => ({
      left: Math.max(left, ...views.map((one) => one.left)), right: Math.min(right, ...views.map((one) => one.right)),
      top: Math.max(top, ...views.map((one) => one.top)), bottom: Math.min(bottom, ...views.map((one) => one.bottom)),
    })).filter((one) => one.right - one.left > 1 && one.bottom - one.top > 1);
  }

  // Why a text does not fit into the boxes around it; empty if it does.
  function clipped(text) {
    const all = lines(text, false);
    for (const box of within(text.parent)) {
      const css = style(box);
      if (box === document.body || scrolls(box) || css.position === "fixed") return "";
      if (["inline", "contents"].includes(css.display)) continue;
      const bounds = box.getBoundingClientRect();
      if (all.some((one) => one.left < bounds.left - SLACK || one.right > bounds.right + SLACK)) return `wider than ${name(box)}`;
      if (css.overflowY !== "visible" && all.some((one) => one.top < bounds.top - SLACK || one.bottom > bounds.bottom + SLACK)) return `cut by ${name(box)}`;
    }
    return "";
  }

  // The first word that is broken, since it is wider than its box.
  function broken({ node }) {
    for (const { index, 0: word } of node.data.matchAll(/\p{L}+/gu)) {
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (new Set([...range.getClientRects()].map(({ bottom }) => Math.round(bottom))).size > 1) return word;
    }
    return "";
  }

  const over = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left) > MOST_OVER
    && Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > MOST_OVER;

  return {
    // Makes each word longer, so that no new place to wrap appears, and returns the number of texts.
    lengthen(share) {
      const all = nodes();
      for (const { node } of all) node.data = node.data.replace(/\p{L}{2,}/gu, (word) => word + "e".repeat(Math.ceil(share * word.length)));
      return all.length;
    },
    misfits() {
      const shown = nodes().filter(({ parent }) => !isHidden(parent));
      const found = shown.map((text) => [clipped(text), text]).filter(([why]) => why).map(([why, text]) => `${why}: ${says(text)}`);
      for (const text of shown) if (broken(text)) found.push(`broken: ${says(text)}`);
      const still = shown.filter(({ parent }) => !within(parent).some((one) => ["fixed", "sticky", "absolute"].includes(style(one).position)))
        .map((text) => ({ text, seen: lines(text, true) }));
      still.forEach((one, place) => still.slice(place + 1).forEach((other) => {
        if (one.seen.some((a) => other.seen.some((b) => over(a, b)))) found.push(`overlap: ${says(one.text)} and ${says(other.text)}`);
      }));
      const { scrollWidth, clientWidth } = document.documentElement;
      if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth - clientWidth} px too wide`);
      return [...new Set(found)];
    },
  };
})()
