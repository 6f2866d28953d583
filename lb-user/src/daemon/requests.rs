//! What is asked at the control socket.

use std::{io, ops::ControlFlow, process::ExitStatus, sync::Arc};

use tokio::task;

use super::{
    Daemon, Ending, Inquiry, Layer4, Leave,
    upgrade::{self, Upgrade},
};
use crate::{
    control::{Answer, Asked, Command},
    model::DataPlane,
    store,
    trace::Client,
    views::{self, Kept, RecognisedBy},
};

const NOTHING_TO_TRACE: &str = "there is no datapath whose packets could be traced, since no interfaces are configured; \
                                requests are noted where [proxy] has an `access_log`";

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
                self.inquiry = Some(Inquiry::status(answer));
                return ControlFlow::Continue(());
            }
            Command::Sessions(wanted) => match self.show(|scene| views::SessionList::new(scene, wanted)) {
                Ok(list) => {
                    self.inquiry = Some(Inquiry::sessions(list, answer));
                    return ControlFlow::Continue(());
                }
                Err(refusal) => refusal.into(),
            },
            Command::DropSession { pool, by } => self.drop_session(&pool, by),
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
            Command::Trace { clients } => match self.tracing(&clients) {
                Ok(layer4) => {
                    layer4.trace(&clients, trace, answer);
                    return ControlFlow::Continue(());
                }
                Err(reason) => Answer::Failed(reason),
            },
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
            Command::Reload => match self.reload() {
                Ok(()) => Answer::Done,
                Err(reason) => Answer::Failed(format!("{reason:#}")),
            },
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

    /// What traces these clients; or why nothing does.
    fn tracing(&mut self, clients: &[Client]) -> Result<&mut Layer4, String> {
        let layer4 = self.layer4.as_mut().ok_or(NOTHING_TO_TRACE)?;
        match layer4.refuses_to_trace(clients) {
            None => Ok(layer4),
            Some(reason) => Err(reason),
        }
    }

    fn drop_session(&mut self, pool: &str, by: RecognisedBy) -> Answer {
        let was_there = match self.show(|scene| Kept::of(scene, pool, by)) {
            Ok(Kept::InTheDatapath(key)) => {
                let layer4 = self.layer4.as_mut();
                layer4.is_some_and(|layer4| layer4.maps_mut().remove_session(&key))
            }
            Ok(Kept::ByTheProxy(pool, id)) => {
                let look = self.proxy.look();
                let table = look.app_cookies();
                table.is_some_and(|table| table.forget_listed(pool, id).is_some())
            }
            Err(refusal) => return refusal.into(),
        };
        if was_there {
            Answer::Done
        } else {
            Answer::NoSuch(format!("pool \"{pool}\" holds no session of {by}"))
        }
    }
}
