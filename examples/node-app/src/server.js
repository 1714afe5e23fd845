/** GET /nearest/WORD answers with the trees whose names come nearest; `node src/server.js WORD` prints them and ends. */
import express from 'express';
import { nearest } from './nearest.js';
import { words } from './words.js';

const app = express();
app.get('/nearest/:word', ({ params }, answer) => {
  answer.json(nearest(params.word, words));
});
app.use((error, _request, answer, _next) => {
  answer.status(error instanceof RangeError ? 400 : 500).json({ error: error.message });
});

const [word] = process.argv.slice(2);
if (word === undefined) {
  const server = app.listen(Number(process.env.PORT ?? 8080));
  process.once('SIGTERM', () => server.close());
} else {
  // Asked through the service itself, so that this proves all of it.
  const server = app.listen(0, '127.0.0.1', async () => {
    const answer = await fetch(
      `http://127.0.0.1:${server.address().port}/nearest/${encodeURIComponent(word)}`,
    );
    console.log(await answer.text());
    server.close();
  });
}
