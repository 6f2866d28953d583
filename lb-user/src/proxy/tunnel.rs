//! What follows an upgrade: both directions are passed on as they are.

use std::{future::poll_fn, task::Poll};

use super::{
    body::{Coding, Incoming, Outgoing, Transfer},
    exchange::{RequestBody, Responder},
    io::{Reader, Writer},
    timer::Timer,
};
use crate::http::framing::Framing;

/// Passes everything on in both directions, until both are over, one fails, or nothing passes for this long.
pub(super) async fn pass_on<B: RequestBody, R: Responder>(
    reader: &mut Reader<'_>,
    writer: &mut Writer<'_>,
    body: &mut B,
    responder: &mut R,
    timer: &Timer,
    idle_s: u32,
) {
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
        let is_over = (there.is_done && back.is_done) || timer.is_over(context);
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
