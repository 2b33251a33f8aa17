// Takes what other apps share with the installed page: a service worker, for the server cannot be told
// the key by a share. It keeps the files until the page, to which it leads, takes them from there.

addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "POST" && url.endsWith("/static/share")) event.respondWith(keep(event.request));
});

async function keep(request) {
  const shared = await caches.open("shared");
  const files = (await request.formData()).getAll("file");
  for (const [number, file] of files.entries()) {
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await shared.put(`share/${Date.now()}-${number}`, new Response(file, { headers }));
  }
  return Response.redirect(new URL("../#/", location.href), 303);
}
