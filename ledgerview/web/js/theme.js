// A classic script in <head>: it sets the theme before the first paint. The policy of the page allows no inline script.
(function () {
  var named = /[?&]theme=(dark|light)/.exec(location.hash);
  var theme = named && named[1];
  try { theme = theme || localStorage.getItem('ledgerview.theme'); } catch (e) { /* no storage: the system's theme */ }
  if (theme === 'dark' || theme === 'light') document.documentElement.dataset.theme = theme;
})();
