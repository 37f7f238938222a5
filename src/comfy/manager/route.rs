//! The routes of ComfyUI-Manager, below `/v2` since its fourth version.

/// One of the Manager's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ManagerRoute<'a> {
    Version,
    LegacyUi,
    Mappings,
    Listing,
    Installed,
    Task,
    Action(Action),
    Start,
    Status(&'a str),
    Histories,
    History(&'a str),
    Reboot,
}

/// Action with a route of its own where there is no task route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Install,
    Uninstall,
    Update,
    InstallModel,
}

impl ManagerRoute<'_> {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Version => "GET manager/version",
            Self::LegacyUi => "GET manager/is_legacy_manager_ui",
            Self::Mappings => "GET customnode/getmappings",
            Self::Listing => "GET customnode/getlist",
            Self::Installed => "GET customnode/installed",
            Self::Task => "POST manager/queue/task",
            Self::Action(Action::Install) => "POST manager/queue/install",
            Self::Action(Action::Uninstall) => "POST manager/queue/uninstall",
            Self::Action(Action::Update) => "POST manager/queue/update",
            Self::Action(Action::InstallModel) => "POST manager/queue/install_model",
            Self::Start => "GET manager/queue/start",
            Self::Status(_) => "GET manager/queue/status",
            Self::Histories => "GET manager/queue/history_list",
            Self::History(_) => "GET manager/queue/history",
            Self::Reboot => "GET manager/reboot",
        }
    }

    pub(crate) fn answer_limit(&self) -> usize {
        match self {
            Self::Mappings | Self::Listing | Self::History(_) => 32 << 20,
            Self::Installed => 8 << 20,
            _ => 1 << 20,
        }
    }

    pub(crate) fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::Version => &["manager", "version"],
            Self::LegacyUi => &["manager", "is_legacy_manager_ui"],
            Self::Mappings => &["customnode", "getmappings"],
            Self::Listing => &["customnode", "getlist"],
            Self::Installed => &["customnode", "installed"],
            Self::Task => &["manager", "queue", "task"],
            Self::Action(Action::Install) => &["manager", "queue", "install"],
            Self::Action(Action::Uninstall) => &["manager", "queue", "uninstall"],
            Self::Action(Action::Update) => &["manager", "queue", "update"],
            Self::Action(Action::InstallModel) => &["manager", "queue", "install_model"],
            Self::Start => &["manager", "queue", "start"],
            Self::Status(_) => &["manager", "queue", "status"],
            Self::Histories => &["manager", "queue", "history_list"],
            Self::History(_) => &["manager", "queue", "history"],
            Self::Reboot => &["manager", "reboot"],
        }
    }

    pub(crate) fn pairs(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Mappings => vec![("mode", "cache")],
            Self::Listing => vec![("mode", "cache"), ("skip_update", "true")],
            Self::Status(client) if !client.is_empty() => vec![("client_id", client)],
            Self::History(id) => vec![("id", id)],
            _ => Vec::new(),
        }
    }
}
