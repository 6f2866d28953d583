//! What lies in files: certificates and keys; and the access log.

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use rustls::ClientConfig;

use super::{
    Proxy,
    log::{Log, Writer},
    serving::Loaded,
};
use crate::{
    model::{self, Config, Http, ListenerTls, MemberHttp, MemberTls, Pool, Titled as _},
    tls::{client, server::Server},
};

/// Which files are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Files {
    /// All: what they say may have changed.
    Again,
    /// Those of listeners and pools that have changed.
    WhereChanged,
}

impl Proxy {
    /// Whether the certificates and keys that `config` names can be used.
    pub fn check_files(config: &Config) -> anyhow::Result<()> {
        Self::default().load_tls(config, Files::Again).map(drop)
    }

    fn load_tls(&self, config: &Config, files: Files) -> anyhow::Result<Loaded> {
        let mut loaded = Loaded::default();
        for balancer in &config.load_balancers {
            for listener in &balancer.listeners {
                if let model::Service::Https { http, tls } = &listener.service {
                    let address = SocketAddr::new(balancer.vip, listener.port);
                    let server = self.server(listener, address, (tls, http), files);
                    let server = server.with_context(|| format!("listener {:?}", listener.title()))?;
                    loaded.listeners.insert(address, server);
                }
            }
        }
        for pool in &config.pools {
            let http = pool.http.as_ref();
            if let Some((http, tls)) = http.and_then(|http| Some((http, http.tls.as_ref()?))) {
                let client = self.client(pool, tls, http, files);
                let client = client.with_context(|| format!("pool {:?}", pool.title()))?;
                loaded.pools.insert(pool.name.clone(), client);
            }
        }
        Ok(loaded)
    }

    fn server(
        &self,
        listener: &model::Listener,
        address: SocketAddr,
        (tls, http): (&ListenerTls, &Http),
        files: Files,
    ) -> anyhow::Result<Arc<Server>> {
        let known = self.serving.listeners.get(&address);
        let before = known.and_then(|known| known.tls.as_ref());
        let is_same = known.is_some_and(|known| known.speaks_as(listener));
        match (before, files) {
            (Some(before), Files::WhereChanged) if is_same => Ok(Arc::clone(before)),
            _ => Ok(Arc::new(Server::new(tls, http, before.map(Arc::as_ref))?)),
        }
    }

    fn client(
        &self,
        pool: &Arc<Pool>,
        tls: &MemberTls,
        http: &MemberHttp,
        files: Files,
    ) -> anyhow::Result<Arc<ClientConfig>> {
        let known = self.serving.pools.get(&pool.name);
        let before = known.and_then(|known| known.tls.as_ref());
        let is_same = known.is_some_and(|known| known.is_configured_as(pool));
        match (before, files) {
            (Some(before), Files::WhereChanged) if is_same => Ok(Arc::clone(before)),
            _ => Ok(Arc::new(client::of_members(tls, http.protocol)?)),
        }
    }

    pub(super) fn load(&self, config: &Config, files: Files) -> anyhow::Result<Loaded> {
        let mut loaded = self.load_tls(config, files)?;
        if files == Files::WhereChanged {
            loaded.log.clone_from(&self.serving.log);
            return Ok(loaded);
        }
        if let Some(log) = &config.proxy.access_log {
            let writer = Writer::open(&log.path, &self.serving.lost_lines)?;
            loaded.log = Some(Arc::new(Log {
                format: log.format,
                sample: log.sample,
                writer: Arc::new(writer),
            }));
        }
        Ok(loaded)
    }

    /// Opens the access log anew, if there is one: its file was moved away.
    pub fn reopen_log(&self) -> anyhow::Result<()> {
        self.serving
            .log
            .as_ref()
            .map_or(Ok(()), |log| log.writer.reopen())
    }
}
