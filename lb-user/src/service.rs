//! What the service manager is told (`sd_notify(3)`); where there is none, nothing is.

use sd_notify::NotifyState;
use tracing::warn;

use crate::model::Config;

/// What happened to the daemon.
pub(crate) enum News<'n> {
    /// It serves this configuration.
    Serving(&'n Config),
    /// It takes its configuration again.
    Reloading,
    /// It was given a configuration that it does not take, and serves the one it had.
    Refused,
    /// It ends.
    Stopping,
}

/// Tells the service manager.
pub(crate) fn tell(news: &News<'_>) {
    if let Err(error) = try_to_tell(news) {
        warn!("the service manager cannot be told: {error}");
    }
}

fn try_to_tell(news: &News<'_>) -> std::io::Result<()> {
    match news {
        News::Serving(config) => {
            let status = what_is_served(config);
            sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&status)])
        }
        // Which reload it is that has begun: sd_notify(3) wants the time with it.
        News::Reloading => sd_notify::notify(&[
            NotifyState::Reloading,
            NotifyState::monotonic_usec_now()?,
            NotifyState::Status("taking the configuration again"),
        ]),
        News::Refused => sd_notify::notify(&[
            NotifyState::Ready,
            NotifyState::Status("serving as before: the new configuration was refused, see the log"),
        ]),
        News::Stopping => sd_notify::notify(&[NotifyState::Stopping, NotifyState::Status("ending")]),
    }
}

fn what_is_served(config: &Config) -> String {
    let balancers = config.load_balancers.iter();
    let listeners: usize = balancers.map(|balancer| balancer.listeners.len()).sum();
    let members: usize = config.pools.iter().map(|pool| pool.members.len()).sum();
    format!(
        "serving: listeners {listeners}, pools {}, members {members}",
        config.pools.len()
    )
}
