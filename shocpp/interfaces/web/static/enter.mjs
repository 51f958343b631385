// The token is in the fragment of the link, which reaches no server and no log. Only this module posts it, so a
// preview of the link does not use it up.
function enter() {
  const form = document.querySelector("form[data-enter]");
  const token = location.hash.slice(1);
  if (!form || !token) return;
  history.replaceState(null, "", location.pathname);
  form.elements.token.value = token;
  // A device that is signed in already would lose its role to a link: its owner decides.
  if (!("known" in form.dataset)) form.requestSubmit();
}

if (document.prerendering) document.addEventListener("prerenderingchange", enter, { once: true });
else enter();
addEventListener("hashchange", enter);
