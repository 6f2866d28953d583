//! What is asked at the control socket.

use std::{io, ops::ControlFlow, process::ExitStatus};

use super::{
    Daemon, Ending, Inquiry, Leave,
    upgrade::{self, Upgrade},
};
use crate::{
    api::{Answer, Asked, Command},
    views::{self, Kept, RecognisedBy},
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
                self.inquiry = Some(Inquiry::status(answer));
                return ControlFlow::Continue(());
            }
            Command::Sessions(wanted) => match views::SessionList::new(&self.scene(), wanted) {
                Ok(list) => {
                    self.inquiry = Some(Inquiry::sessions(list, answer));
                    return ControlFlow::Continue(());
                }
                Err(reason) => Answer::Failed(reason),
            },
            Command::DropSession { pool, by } => self.drop_session(&pool, by),
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
                match views::Explainer::new(&self.scene(), question) {
                    Ok(explainer) => {
                        self.inquiry = Some(Inquiry::explanation(explainer, answer));
                        return ControlFlow::Continue(());
                    }
                    Err(reason) => Answer::Failed(reason),
                }
            }
            Command::Trace { clients } => match self.tracer.refusal(&clients) {
                None => {
                    self.tracer.start(&mut self.datapath, &clients, trace, answer);
                    return ControlFlow::Continue(());
                }
                Some(reason) => Answer::Failed(reason),
            },
            Command::Reload => match self.reload() {
                Ok(()) => Answer::Done,
                Err(reason) => Answer::Failed(format!("{reason:#}")),
            },
            Command::Upgrade if self.upgrade.is_some() => {
                Answer::Failed("an upgrade is under way already".to_owned())
            }
            Command::Upgrade => match upgrade::binary() {
                Ok(binary) => {
                    self.upgrade = Upgrade::start(&binary, &self.path, answer);
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

    fn drop_session(&mut self, pool: &str, by: RecognisedBy) -> Answer {
        let scene = self.scene();
        let kept = match Kept::of(&scene, pool, by) {
            Ok(kept) => kept,
            Err(reason) => return Answer::Failed(reason),
        };
        let was_there = match kept {
            Kept::InTheDatapath(key) => self.datapath.maps.remove_session(&key),
            Kept::ByTheProxy(pool, id) => {
                let table = scene.look.app_cookies();
                table.is_some_and(|table| table.forget_listed(pool, id).is_some())
            }
        };
        if was_there {
            Answer::Done
        } else {
            Answer::Failed(format!("pool \"{pool}\" holds no session of {by}"))
        }
    }
}
