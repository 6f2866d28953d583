//! A request on its way to a member, while the response may be on its way already.

use std::task::{Context, Poll};

use super::{
    body::{Broken, Failed, Sink, Transfer},
    exchange::RequestBody,
    fault::Fault,
};

/// How far a request has come on its way to the member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SendState {
    Going,
    Done,
    /// The member takes no more, and may have responded for all that.
    Failed,
}

/// A request on its way to the member.
pub(super) struct Sending<'w, S> {
    pub(super) transfer: Transfer,
    pub(super) sink: &'w mut S,
    pub(super) state: SendState,
}

impl<S: Sink> Sending<'_, S> {
    /// Sends on what there is.
    pub(super) fn poll<B: RequestBody>(
        &mut self,
        context: &mut Context<'_>,
        body: &mut B,
    ) -> Result<(), Fault> {
        if self.state != SendState::Going {
            return Ok(());
        }
        match self.transfer.poll(context, body, self.sink) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.state = SendState::Done;
                Ok(())
            }
            Poll::Ready(Err(Failed::Sink)) => {
                self.state = SendState::Failed;
                Ok(())
            }
            Poll::Ready(Err(Failed::Source(broken))) => Err(match broken {
                Broken::Io(_) | Broken::CutShort => Fault::ClientGone,
                Broken::TooLarge => Fault::BodyTooLarge,
                broken => Fault::ClientBroken(broken),
            }),
        }
    }
}
