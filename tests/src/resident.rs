//! A runtime that lives in a namespace: one thread, moved there once, so that every socket made by the tasks it
//! runs belongs there.

use std::future::Future;
use std::sync::mpsc;
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::netns::Namespace;

#[derive(Debug)]
pub(crate) struct Resident {
    handle: Handle,
    /// Dropping it ends the thread.
    stay: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Resident {
    pub(crate) fn new(namespace: &Namespace, name: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stay, leave) = oneshot::channel::<()>();
        let spawn = || {
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || {
                // An error means that the other end was dropped: that is the sign to leave.
                let _ = runtime.block_on(leave);
            })
        };
        // A new thread begins in the namespace of the thread that starts it.
        let thread = namespace.enter(spawn)?.context("cannot start a thread")?;
        Ok(Self {
            handle,
            stay: Some(stay),
            thread: Some(thread),
        })
    }

    /// Runs a future on the thread of the namespace and waits for its value; a panic in it goes on here.
    pub(crate) fn run<F>(&self, future: F) -> F::Output
    where
        F: Future<Output: Send + 'static> + Send + 'static,
    {
        let (sender, receiver) = mpsc::sync_channel(1);
        let task = self.handle.spawn(async move {
            let _ = sender.send(future.await);
        });
        receiver.recv().unwrap_or_else(|_| {
            drop(task);
            panic!("a task of the laboratory panicked; its message is above")
        })
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        drop(self.stay.take());
        if let Some(thread) = self.thread.take() {
            // It panicked or it did not: it has ended, and that is all that is wanted here.
            let _ = thread.join();
        }
    }
}
