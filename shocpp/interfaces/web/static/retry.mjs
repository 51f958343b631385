// Loads the page once the server has it again. Before that, nothing changes under a reader.
const again = document.querySelector("[data-again]");

setInterval(async () => {
  const answer = await fetch(again.href, { cache: "no-store" }).catch(() => null);
  if (answer && answer.status < 500) location.replace(again.href);
}, 10_000);
