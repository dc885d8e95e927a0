// What a page of the documentation finds wrong with itself, as a list of sentences.
() => {
  const wrong = [];
  const width = document.documentElement.clientWidth;
  const phone = width < 600;
  const shown = (e) => e.getClientRects().length > 0;
  const text = (e) => e.textContent.trim().replace(/\s+/g, " ").slice(0, 50);
  const article = document.querySelector("article") || document.body;

  const whole = document.documentElement.scrollWidth;
  if (whole > width) wrong.push(`the page is ${whole} pixels wide`);

  for (const code of [...article.querySelectorAll("pre")].filter(shown)) {
    const hidden = code.scrollWidth - code.clientWidth;
    if (hidden > 1) wrong.push(`code hides ${hidden} pixels: ${text(code)}`);
    const style = getComputedStyle(code);
    const inside =
      code.clientHeight - parseFloat(style.paddingTop) - parseFloat(style.paddingBottom);
    const lines = code.textContent.trimEnd().split("\n");
    const fits = Math.max(...lines.map((line) => line.length)) <= 88;
    const broken = inside / parseFloat(style.lineHeight) > lines.length + 0.5;
    if (!phone && fits && broken) wrong.push(`lines of code are broken: ${text(code)}`);
  }

  for (const formula of article.querySelectorAll("mjx-container")) {
    const box = formula.closest("div.math") || formula;
    if (!shown(box)) continue;
    const inner = formula.querySelector("svg, mjx-math") || formula;
    const [own, around] = [inner, box].map((e) => e.getBoundingClientRect());
    const where = text(formula.closest("section") || article);
    const scrolls = phone && getComputedStyle(box).overflowX === "auto";
    if (!scrolls && (own.right > around.right + 1 || own.left < around.left - 1))
      wrong.push(`a formula of ${own.width} pixels in ${around.width}: ${where}`);
    if (own.bottom > around.bottom + 1 || own.top < around.top - 1)
      wrong.push(`a formula is clipped above or below: ${where}`);
  }

  // Inner elements only, and few: what holds them is as wide as they are. Tables scroll.
  const scrolling = "table, .pst-scrollable-table-container, pre, mjx-container";
  const sticksOut = (e) => {
    const place = e.getBoundingClientRect();
    return shown(e) && place.width > 1 && place.right > width + 1 && !e.closest(scrolling);
  };
  const out = [...article.querySelectorAll("*")].filter(sticksOut);
  for (const e of out.filter((e) => ![...e.children].some(sticksOut)).slice(0, 3))
    wrong.push(`<${e.tagName.toLowerCase()}> is wider than the window: ${text(e)}`);

  const sidebars = document.querySelectorAll(".bd-sidebar-primary, .bd-sidebar-secondary");
  for (const bar of [...sidebars].filter(shown))
    if (bar.getBoundingClientRect().left >= 0 && !bar.querySelector("a"))
      wrong.push(`an empty sidebar: ${bar.className}`);

  for (const image of article.querySelectorAll("img")) {
    const source = image.getAttribute("src");
    if (!image.complete || image.naturalWidth === 0) wrong.push(`no picture: ${source}`);
    if (!image.alt || /\.(png|svg)$/.test(image.alt)) wrong.push(`no text: ${source}`);
  }
  return wrong;
}
