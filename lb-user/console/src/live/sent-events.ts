import { reached } from "../api/http";

/** One event of a stream (`text/event-stream`), as far as the daemon sends them. */
export interface SentEvent {
  type: string;
  data: string;
}

/** The daemon says at least every 15 s that it is still there: who is silent for longer has gone without a word. */
const SILENT_MS = 25_000;

/** The events of an answer as they come, until it ends, is aborted, or falls silent. */
export async function* sentEvents(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<SentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const cancel = () => void reader.cancel().catch(() => undefined);
  let silence: ReturnType<typeof setTimeout> | undefined;
  let pending = "";
  signal.addEventListener("abort", cancel);
  try {
    for (;;) {
      silence = setTimeout(cancel, SILENT_MS);
      const { done, value } = await reached(reader.read(), signal);
      clearTimeout(silence);
      if (done) return;
      pending += decoder.decode(value, { stream: true });
      const events = pending.split("\n\n");
      pending = events.pop() ?? "";
      for (const event of events) {
        const read = parsed(event);
        if (read) yield read;
      }
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener("abort", cancel);
    cancel();
  }
}

/** Null for what is only said so that something is. */
function parsed(event: string): SentEvent | null {
  const lines = event.split("\n");
  const of = (field: string) =>
    lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).trimStart());
  const data = of("data");
  return data.length > 0 ? { type: of("event")[0] ?? "message", data: data.join("\n") } : null;
}
