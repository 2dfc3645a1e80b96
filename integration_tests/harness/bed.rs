//! Where a plan runs: a server, a database in it, and the way to it.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::plan::{Plan, Via, What};
use crate::support::bastion::Bastion;
use crate::support::certificates::{Subject, Workshop};
use crate::support::fault_proxy::FaultProxy;
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Address, TestDatabase, TestServer};
use crate::support::sql::Sql;
use crate::support::tls_server;
use crate::support::workload::merged;

/// Databases that are free; making one takes longer than a plan's schema.
static FREE: Mutex<Vec<Base>> = Mutex::new(Vec::new());

/// A database and what is in front of it. The order of the members is the order in which they go.
struct Base {
    pooler: Option<PgBouncer>,
    database: TestDatabase,
    /// For plans that crash it.
    server: Option<TestServer>,
}

/// Everything that one plan needs. Its schema and its sessions go with it.
pub struct Bed {
    pub proxy: FaultProxy,
    pub schema: String,
    base: Option<Base>,
    bastion: Option<Arc<Bastion>>,
    via: Via,
    settings: Value,
    files: TempDir,
}

impl Bed {
    pub fn new(plan: &Plan) -> Result<Self, String> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let mut base = if plan.faults.iter().any(|fault| matches!(fault.what, What::Crash(_))) {
            let server = TestServer::start();
            Base { pooler: None, database: server.address().database()?, server: Some(server) }
        } else if let Some(base) = free().pop() {
            base
        } else {
            Base { pooler: None, database: TestServer::shared().database()?, server: None }
        };
        let bastion = plan.via.is_bastion().then(Bastion::shared);
        let port = match plan.via {
            Via::Direct | Via::Proxy | Via::Tls => base.database.port(),
            Via::Bastion | Via::TlsBastion => bastion.as_ref().map(|bastion| bastion.port).unwrap_or_default(),
            Via::Pooler => {
                let start = || PgBouncer::start(&base.database, "transaction", 10, &["server_login_retry = 1"]);
                let pooler = base.pooler.take().unwrap_or_else(start);
                let port = pooler.config(&base.database)["port"].as_u64().and_then(|port| u16::try_from(port).ok());
                base.pooler = Some(pooler);
                port.ok_or("the pooler has no port")?
            }
        };
        let schema = format!("plan_{}_{}", plan.seed, NEXT.fetch_add(1, Ordering::Relaxed));
        let mut settings = json!({
            "commit_interval_seconds": 1,
            "retry_timeout_seconds": 60,
            "max_connections": plan.sessions,
            "cdc_deletion_mode": if plan.soft { "Soft delete" } else { "Hard delete" },
            "rejected_rows": if plan.set_aside { "set_aside" } else { "fail" },
            "load_receipts": plan.has_receipts(),
        });
        if plan.via.is_tls() {
            settings["ssl"] = json!(true);
            settings["ssl_mode"] = json!({"mode": "verify-ca", "ca_certificate": authority(base.database.address())?});
        }
        let (files, via) = (TempDir::new().map_err(|e| e.to_string())?, plan.via);
        Ok(Self { proxy: FaultProxy::before(port), schema, base: Some(base), bastion, via, settings, files })
    }

    /// Where the files of BATCH messages go.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    fn base(&self) -> &Base {
        self.base.as_ref().expect("it is there until the drop")
    }

    /// The configuration without anything in the way.
    pub fn direct_config(&self) -> Value {
        let config = merged(&self.base().database.config(), &self.settings);
        merged(&config, &json!({"schema": self.schema}))
    }

    /// The connector's configuration.
    pub fn config(&self) -> Value {
        let mut config = self.direct_config();
        match (&self.bastion, self.via) {
            (Some(bastion), _) => {
                config["tunnel_method"] = bastion.by_password();
                config["tunnel_method"]["tunnel_port"] = json!(self.proxy.port());
            }
            (None, Via::Direct) => {}
            (None, _) => config["port"] = json!(self.proxy.port()),
        }
        config
    }

    /// The role of the connector.
    pub fn writer(&self) -> &str {
        &self.base().database.writer
    }

    /// A new session of the superuser.
    pub fn superuser(&self) -> Result<Sql, String> {
        self.base().database.superuser()
    }

    /// What opens such sessions in another thread.
    pub fn opener(&self) -> impl Fn() -> Result<Sql, String> + Send + 'static {
        let (address, name) = (self.base().database.address().clone(), self.base().database.name.clone());
        move || address.superuser(&name)
    }

    /// A stream's table as it stands in SQL.
    pub fn table(&self, stream: &str) -> String {
        format!("{}.{stream}", self.schema)
    }

    /// The pooler keeps idle sessions of the connector's role.
    pub fn is_pooled(&self) -> bool {
        self.base().pooler.is_some()
    }

    /// Stops the server as a power cut would.
    pub fn crash(&self) {
        self.base().server.iter().for_each(TestServer::crash);
    }

    pub fn start_again(&self) {
        self.base().server.iter().for_each(TestServer::start_again);
    }

    /// Gives all databases up. For a `main` of our own.
    pub fn drop_free() {
        let bases = std::mem::take(&mut *free());
        drop(bases);
    }
}

impl Drop for Bed {
    fn drop(&mut self) {
        self.proxy.cut();
        let cleaned = self.superuser().and_then(|sql| {
            let writer = self.writer();
            sql.run(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{writer}'"))?;
            sql.run(&format!("SET client_min_messages = warning; DROP SCHEMA IF EXISTS {} CASCADE", self.schema))
        });
        if let (Ok(()), Some(base)) = (cleaned, self.base.take())
            && base.server.is_none()
        {
            free().push(base);
        }
    }
}

/// The certificate of the authority behind the shared server's own, which gets one when it is first asked for.
fn authority(server: &Address) -> Result<String, String> {
    static AUTHORITY: OnceLock<Result<String, String>> = OnceLock::new();
    let make = || {
        let workshop = Workshop::new();
        let authority = workshop.self_signed(&Subject::authority("harness"));
        let identity = workshop.signed(&Subject::server("localhost", &["DNS:localhost", "IP:127.0.0.1"]), &authority);
        tls_server::use_identity(server, &identity)?;
        Ok(authority.certificate)
    };
    AUTHORITY.get_or_init(make).clone()
}

fn free() -> MutexGuard<'static, Vec<Base>> {
    FREE.lock().unwrap_or_else(|broken| broken.into_inner())
}
