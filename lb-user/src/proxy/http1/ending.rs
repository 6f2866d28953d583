//! Responses of the balancer's own, and how a connection ends.

use std::{future::poll_fn, task::Poll};

use super::{Client, Next};
use crate::proxy::{
    fault::Fault,
    io::{Reader, Writer},
    respond::{Asked, Own},
    serving::Listener,
};

/// What a client sends on after it was told that nothing is read any more, at most, in bytes.
const MOST_LINGERING: usize = 1 << 20;
/// For how long it may, in seconds.
const LINGER_S: u32 = 2;

impl Client<'_> {
    /// Tells of a fault of the member's side, after which the connection goes on.
    pub(super) async fn tell(
        &self,
        listener: &Listener,
        fault: &Fault,
        asked: Asked,
        writer: &mut Writer<'_>,
    ) -> Next {
        let Some(response) = fault.response() else {
            return Next::Close;
        };
        listener.counts.respond_own(response.status);
        let keep_alive = !self.worker.is_leaving(self.door);
        self.write(&response, asked, keep_alive, writer);
        match self.flush(writer).await {
            Ok(()) if keep_alive => Next::Idle,
            Ok(()) => {
                self.farewell(writer).await;
                Next::Close
            }
            Err(()) => Next::Close,
        }
    }

    /// Tells of a fault after which it cannot be said where the next request begins, and closes.
    pub(super) async fn refuse(
        &self,
        listener: &Listener,
        fault: &Fault,
        asked: Asked,
        reader: &mut Reader<'_>,
        writer: &mut Writer<'_>,
    ) -> Next {
        if let Some(response) = fault.response() {
            listener.counts.respond_own(response.status);
            self.write(&response, asked, false, writer);
            self.close(reader, writer).await;
        }
        Next::Close
    }

    fn write(&self, own: &Own, asked: Asked, keep_alive: bool, writer: &mut Writer<'_>) {
        let date = |out: &mut Vec<u8>| self.worker.write_date(out);
        own.write(asked, keep_alive, date, &mut writer.pending);
    }

    async fn flush(&self, writer: &mut Writer<'_>) -> Result<(), ()> {
        let flushed = self.timer.within(|context| writer.poll_flush(context)).await;
        flushed.map_or(Err(()), |outcome| outcome.map_err(drop))
    }

    /// Says that nothing follows, where that has to be said.
    pub(super) async fn farewell(&self, writer: &mut Writer<'_>) {
        if !writer.wants_farewell() {
            return;
        }
        self.timer.set(LINGER_S);
        // Where it cannot be said, the connection ends without.
        let _ = self.timer.within(|context| writer.poll_shutdown(context)).await;
    }

    /// Sends what is left to send, and reads on for a moment: a connection that is closed with something unread is reset,
    /// and then the client may not see the response (RFC 9112, section 9.6).
    pub(super) async fn close(&self, reader: &mut Reader<'_>, writer: &mut Writer<'_>) {
        self.timer.set(LINGER_S);
        let mut read = 0;
        let mut is_shut = false;
        poll_fn(|context| {
            if !is_shut {
                is_shut = writer.poll_shutdown(context).is_ready();
            }
            loop {
                reader.buffer.consume(usize::MAX / 2);
                match reader.poll_fill(context) {
                    Poll::Ready(Ok(count)) if count > 0 && read < MOST_LINGERING => read += count,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending if self.timer.is_over(context) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }
}
