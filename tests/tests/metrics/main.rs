//! What Prometheus is told is what has happened, and what is to be alarming raises an alert.

mod alerts;
mod cookies;
mod datapath;
mod datapath_alerts;
mod exposition;
mod form;
mod health;
mod monitoring;
mod phases;
mod process;
mod promql;
mod requests;
mod sessions;
mod tls;
mod watch;

use anyhow::Result;
use lb_tests::{Plan, Site};

/// A site without a datapath, where it is not asked for: it takes the kernel seconds.
fn site(plan: &Plan) -> Result<Site> {
    let mut site = Site::prepare(plan)?;
    site.daemon_mut().set_interfaces(&[]);
    site.rewrite(plan)?;
    site.daemon_mut().launch()?;
    Ok(site)
}
