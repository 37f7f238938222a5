//! Promise that no compiler shows from outside: a permit starts the tool it names, and no other.

use std::sync::Arc;

use super::{Call, Changes, Consent, ToolSettings, all, progress::Sink};
use crate::{
    comfy,
    config::Config,
    gate::{AuditLog, CallId, Caller, Class, Contract, Gate, Permit},
};
use comfywarden_error::{JsonObject, Kind};
use comfywarden_policy::Inspector;

/// A permit for a tool that takes no arguments and is in no catalogue.
async fn permit_for(gate: &Arc<Gate>, name: &str) -> Permit {
    let contract = Contract::new(name, Class::Read, JsonObject::new());
    gate.admit(&Caller::local(), CallId::new(), false, &contract, &mut JsonObject::new()).await.unwrap()
}

#[tokio::test]
async fn no_tool_runs_with_a_permit_for_another() {
    let mut config = Config::default();
    config.rate_limits.read_only = 10_000;
    let audit = AuditLog::memory();
    let gate = Gate::new(&config.security, &config.rate_limits, &config.limits, audit.clone());
    let tools = all();
    assert!(tools.len() >= 12);
    for tool in tools {
        let permit = permit_for(&gate, "some_other_tool").await;
        let call = Call {
            caller: Caller::local(),
            comfy: comfy::Client::new(comfy::ClientConfig::default()).unwrap(),
            web: crate::web::Fetcher::new(),
            settings: Arc::new(ToolSettings::from(&config)),
            progress: Sink::none(),
            cancel: tokio_util::sync::CancellationToken::new(),
            trail: permit.trail(),
            changes: Changes::default(),
            library: Arc::new(super::workflow_files::Library::new("no such folder")),
            gate: Arc::clone(&gate),
            inspector: Arc::new(Inspector::new(&config.security)),
            consent: Consent::default(),
            defaults: Arc::new(super::Defaults::new(
                std::path::Path::new("no such file"),
                std::collections::BTreeMap::default(),
            )),
            job_owners: Arc::default(),
        };

        let error = tool.run(permit, call, JsonObject::new()).await.unwrap_err();

        assert_eq!(error.kind(), Kind::Internal, "{}", tool.name());
        assert!(error.message().contains(tool.name()), "{error}");
    }
    let records = audit.records();
    assert!(
        records.iter().all(|record| record["tool"] == "some_other_tool"),
        "a tool wrote under its own name"
    );
}
