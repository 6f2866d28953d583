//! What is asked at the control socket.

use std::{net::IpAddr, ops::ControlFlow};

use super::{Daemon, Ending, Inquiry, Leave};
use crate::{
    api::{Answer, Command, Request},
    views,
};

impl Daemon {
    /// Answers a request, or begins to look into it. Some end the daemon, and are answered when it has ended.
    pub(super) fn take_request(&mut self, request: Request) -> ControlFlow<Ending> {
        let Request {
            command,
            answer,
            trace,
        } = request;
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
            Command::DropSession { pool, client } => self.drop_session(&pool, client),
            Command::Explain {
                client,
                port,
                listener,
            } => {
                let question = views::Question {
                    client,
                    port,
                    listener,
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

    fn drop_session(&mut self, pool: &str, client: IpAddr) -> Answer {
        match views::session_key(&self.scene(), pool, client) {
            None => Answer::Failed(views::no_pool(pool)),
            Some(key) if self.datapath.maps.remove_session(&key) => Answer::Done,
            Some(_) => Answer::Failed(format!("pool \"{pool}\" holds no session of {client}")),
        }
    }
}
