//! What is asked at the control socket.

use std::{io, ops::ControlFlow, process::ExitStatus, sync::Arc};

use tokio::{
    sync::{mpsc, oneshot},
    task,
};

use super::{
    Daemon, Ending, Inquiry, Leave,
    upgrade::{self, Upgrade},
};
use crate::{
    bpf::Ended,
    control::{Answer, Asked, Command},
    http::forwarded::Prefix,
    model::DataPlane,
    store,
    trace::{self, Channel, Told},
    views::{self, Kept, RecognisedBy, Refusal},
};

impl Daemon {
    /// Answers a request, or begins to look into it. Some end the daemon, and are answered when it has ended.
    pub(super) fn take_request(&mut self, asked: Asked) -> ControlFlow<Ending> {
        let Asked {
            command,
            answer,
            trace,
        } = asked;
        let answered = match command {
            Command::Status => {
                self.inquiry = Some(self.show(|scene| Inquiry::status(scene, answer)));
                return ControlFlow::Continue(());
            }
            Command::Sessions(wanted) => match self.show(|scene| views::SessionList::new(scene, wanted)) {
                Ok(list) => {
                    self.inquiry = Some(Inquiry::sessions(list, answer));
                    return ControlFlow::Continue(());
                }
                Err(refusal) => refusal.into(),
            },
            Command::DropSession { pool, by } => match self.drop_session(&pool, by) {
                Ok(()) => Answer::Done,
                Err(refusal) => refusal.into(),
            },
            Command::Explain { .. } | Command::Trace { .. } if self.plane == DataPlane::Noop => {
                Answer::Failed("this daemon serves nobody: it was started with `--dataplane noop`".to_owned())
            }
            Command::Explain {
                client,
                port,
                listener,
                request,
            } => {
                let question = views::Question {
                    client,
                    port,
                    listener,
                    request,
                };
                match self.show(|scene| views::Explainer::new(scene, question)) {
                    Ok(explainer) => {
                        self.inquiry = Some(Inquiry::explanation(explainer, answer));
                        return ControlFlow::Continue(());
                    }
                    Err(refusal) => refusal.into(),
                }
            }
            Command::Trace { clients } => {
                self.trace(&clients, trace, answer);
                return ControlFlow::Continue(());
            }
            Command::Config => Answer::Config(Box::new(self.running())),
            Command::BackUpStore { path } => {
                let store = Arc::clone(&self.store);
                // It waits for the disk, and nobody is to wait for it but who asked.
                task::spawn_blocking(move || {
                    let written = store::backup(store.as_ref(), &path);
                    let _ = answer.send(match written {
                        Ok(summary) => Answer::BackedUp(summary),
                        Err(reason) => Answer::Failed(reason.to_string()),
                    });
                });
                return ControlFlow::Continue(());
            }
            Command::Reload => self.reload().into(),
            Command::ReopenLog => self.proxy.reopen_log().into(),
            Command::Upgrade if self.upgrade.is_some() => {
                Answer::Failed("an upgrade is under way already".to_owned())
            }
            Command::Upgrade => match upgrade::binary() {
                Ok(binary) => {
                    self.upgrade = Upgrade::start(&binary, &self.path, self.plane, answer);
                    return ControlFlow::Continue(());
                }
                Err(reason) => Answer::Failed(format!("cannot find the binary: {reason}")),
            },
            Command::HandOver { .. } => {
                Answer::Failed("a daemon takes over by a connection of its own".to_owned())
            }
            Command::Stop { detach } => {
                return ControlFlow::Break(Ending {
                    leave: if detach { Leave::Nothing } else { Leave::Running },
                    asked: Some(answer),
                });
            }
        };
        // Who asked may have gone away.
        let _ = answer.send(answered);
        ControlFlow::Continue(())
    }

    /// Says that the daemon ended that was to take over.
    pub(super) fn note_failed_upgrade(&mut self, ended: io::Result<ExitStatus>) {
        let how = match ended {
            Ok(status) => status.to_string(),
            Err(reason) => reason.to_string(),
        };
        if let Some(upgrade) = self.upgrade.take() {
            upgrade.answer(Answer::Failed(format!(
                "the new daemon ended ({how}), and the one before goes on: the log says why"
            )));
        }
    }

    /// Traces these clients: their packets where there is a datapath, and their requests.
    fn trace(&mut self, clients: &[Prefix], told: mpsc::Sender<Told>, answer: oneshot::Sender<Answer>) {
        let refused = trace::refusal(clients, self.is_traced());
        // Who asked may have gone away.
        if let Some(reason) = refused {
            let _ = answer.send(Answer::Failed(reason));
            return;
        }
        self.traced = Some(told.downgrade());
        let tap = self.proxy.tap();
        if let Some(layer4) = &mut self.layer4 {
            tap.open(trace::follower(clients, Channel::BesidePackets(told.downgrade())));
            // The answer comes once it has begun.
            layer4.trace(clients, told, answer);
        } else {
            tap.open(trace::follower(clients, Channel::Alone(told)));
            let _ = answer.send(Answer::Done);
        }
    }

    /// Whether somebody hears of chosen clients.
    fn is_traced(&self) -> bool {
        let traced = self.traced.as_ref().and_then(mpsc::WeakSender::upgrade);
        traced.is_some_and(|told| !told.is_closed())
    }

    /// Follows no requests any more where whoever heard of them has gone.
    pub(super) fn end_trace(&mut self) {
        if self.traced.is_some() && !self.is_traced() {
            self.proxy.tap().close();
            self.traced = None;
        }
    }

    /// Forgets a session; or says why there is none.
    pub(super) fn drop_session(&mut self, pool: &str, by: RecognisedBy) -> Result<(), Refusal> {
        let was_there = match self.show(|scene| Kept::of(scene, pool, by))? {
            Kept::InTheDatapath(key) => {
                let layer4 = self.layer4.as_mut();
                layer4.is_some_and(|layer4| layer4.maps_mut().end_session(&key, Ended::Dropped))
            }
            Kept::ByTheProxy(pool, id) => {
                let look = self.proxy.look();
                let table = look.app_cookies();
                table.is_some_and(|table| table.forget_listed(pool, id).is_some())
            }
        };
        if was_there {
            Ok(())
        } else {
            Err(Refusal::NoSuch(format!(
                "pool \"{pool}\" holds no session of {by}"
            )))
        }
    }
}
