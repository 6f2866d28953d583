//! What follows an upgrade: both directions are passed on as they are.

use std::{future::poll_fn, task::Poll};

use super::{
    body::{Coding, Incoming, Outgoing, Transfer},
    exchange::{RequestBody, Responder},
    io::{Reader, Writer},
    pool::Member,
    timer::Timer,
    worker::Worker,
};
use crate::http::framing::Framing;

/// Passes everything on in both directions, until both are over, one fails, nothing passes for this
/// long, or the worker is to end. How many bytes those were.
pub(super) async fn pass_on<B: RequestBody, R: Responder>(
    (worker, member): (&Worker, &Member),
    (reader, writer): (&mut Reader<'_>, &mut Writer<'_>),
    body: &mut B,
    responder: &mut R,
    (timer, idle_s): (&Timer, u32),
) -> (u64, u64) {
    body.upgrade();
    timer.set(idle_s);
    let mut source = Incoming::new(reader, Framing::UntilClose);
    let mut sink = Outgoing::new(writer, Coding::Plain);
    let (mut there, mut back) = (Transfer::default(), Transfer::default());
    let mut moved = (0, 0);
    poll_fn(|context| {
        match there.poll(context, body, &mut sink) {
            Poll::Ready(Ok(())) => drop(sink.writer.poll_shutdown(context)),
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => {}
        }
        match back.poll(context, &mut source, responder) {
            Poll::Ready(Ok(())) => drop(responder.poll_close(context)),
            Poll::Ready(Err(_)) => return Poll::Ready(()),
            Poll::Pending => {}
        }
        let now = (there.bytes, back.bytes);
        if now != moved {
            moved = now;
            timer.set(idle_s);
        }
        // It has no end of its own that could be waited for.
        let is_cut = worker.ends_upgraded() || member.is_cut(worker.unix_s());
        let is_over = (there.is_done && back.is_done) || timer.is_over(context) || is_cut;
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (there.bytes, back.bytes)
}
