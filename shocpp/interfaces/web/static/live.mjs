// A part of the page that waits for something outside: it is fetched again while somebody looks, and replaced if it
// has changed and nobody is using it.
const EVERY_MS = 3_000;

// A phone leaves the field when its keyboard is closed, but what is written there is not sent yet. A form that has come
// back stays with its sentence, too.
function isFilledIn(part) {
  if (part.querySelector("[role=alert]")) return true;
  const isChanged = (field) =>
    field.options
      ? field.selectedIndex !== Math.max(0, [...field.options].findIndex((option) => option.defaultSelected))
      : field.value !== field.defaultValue;
  return [...part.querySelectorAll("input, textarea, select")].some(isChanged);
}

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const present = fresh.getElementById(part.id);
    const isUsed = part.contains(document.activeElement) || isFilledIn(part);
    if (present && !isUsed && part.innerHTML !== present.innerHTML) part.innerHTML = present.innerHTML;
  }
}

setInterval(refresh, EVERY_MS);
