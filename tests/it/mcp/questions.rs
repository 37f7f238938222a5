//! Questions to the user on the way of a call, and the state that an answer brings back.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use serde_json::{Value, json};

use super::protocol::{ERAS, Era, call, connect, error_of, request};
use crate::support::{
    TestApp, bounded,
    person::{Answer, Person},
    tiny_workflow,
};

fn dangerous_workflow() -> Value {
    json!({"1": {"class_type": "ExecutePython", "inputs": {"code": "import os\nos.system('id')"}}})
}

fn prompts_sent(app: &TestApp) -> usize {
    app.posts().iter().filter(|path| path.ends_with("/prompt")).count()
}

#[tokio::test]
async fn a_dangerous_workflow_waits_for_the_user_in_both_eras() {
    for era in ERAS {
        for (answer, runs) in
            [(Answer::Yes, true), (Answer::No, false), (Answer::Decline, false), (Answer::Cancel, false)]
        {
            let app = TestApp::start().await;
            let person = Person::who(answer);
            let client = connect(&app, &person, era).await;

            let result =
                call(&client, "comfyui_run_workflow", json!({"workflow": dangerous_workflow()})).await;

            let questions = person.questions();
            assert_eq!(questions.len(), 1, "{era:?} {answer:?}: {questions:?}");
            assert!(questions[0].contains("ExecutePython"), "{questions:?}");
            assert_eq!(prompts_sent(&app), usize::from(runs), "{era:?} {answer:?}");
            if runs {
                assert_eq!(result.is_error, Some(false), "{era:?}: {result:?}");
            } else {
                assert_eq!(error_of(&result)["kind"], "denied", "{era:?} {answer:?}");
            }
            let records = app.audit.records();
            let called = records.iter().filter(|record| record["action"] == "called").count();
            assert_eq!(called, 1, "{era:?} {answer:?}: a resumed call is the same call");
        }
    }
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_runs_with_warnings_in_audit_mode() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::silent(), Era::Handshake).await;
    let result = call(&client, "comfyui_run_workflow", json!({"workflow": dangerous_workflow()})).await;
    let warnings = result.structured_content.unwrap()["warnings"].to_string();
    assert!(warnings.contains("Dangerous node type: ExecutePython"), "{warnings}");
}

#[tokio::test]
async fn a_client_that_shows_no_forms_is_not_asked() {
    for era in ERAS {
        let app = TestApp::start().await;
        let person = Person::who(Answer::Yes).without_forms();
        let client = connect(&app, &person, era).await;
        let result = call(&client, "comfyui_run_workflow", json!({"workflow": dangerous_workflow()})).await;
        assert!(person.questions().is_empty(), "{era:?}: {:?}", person.questions());
        let warnings = result.structured_content.unwrap()["warnings"].to_string();
        assert!(warnings.contains("Dangerous node type: ExecutePython"), "{era:?}: {warnings}");
    }
}

#[tokio::test]
async fn a_question_that_a_client_cannot_put_is_a_no_that_says_so() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::who(Answer::Fails), Era::Handshake).await;
    let result = call(&client, "comfyui_run_workflow", json!({"workflow": dangerous_workflow()})).await;
    let error = error_of(&result);
    assert_eq!(error["kind"], "denied");
    assert!(error["message"].as_str().unwrap().contains("the client failed to ask the user"), "{error}");
    assert_eq!(prompts_sent(&app), 0);
}

#[tokio::test]
async fn enforce_refuses_a_dangerous_workflow_without_asking() {
    let app =
        TestApp::with(|config| config.security.mode = comfywarden_policy::settings::Mode::Enforce).await;
    let person = Person::who(Answer::Yes);
    let client = connect(&app, &person, Era::Handshake).await;
    let result = call(&client, "comfyui_run_workflow", json!({"workflow": dangerous_workflow()})).await;
    assert_eq!(error_of(&result)["kind"], "denied");
    assert!(person.questions().is_empty());
    assert_eq!(prompts_sent(&app), 0);
}

#[tokio::test]
async fn a_forged_or_moved_state_is_refused() {
    let app = TestApp::start().await;
    let client = connect(&app, &Person::who(Answer::Yes), Era::Discover).await;
    let asked = request("comfyui_run_workflow", json!({"workflow": dangerous_workflow()}));
    let first = bounded(client.call_tool_once(asked.clone())).await.unwrap();
    let rmcp::model::CallToolResponse::InputRequired(question) = first else { panic!("{first:?}") };
    let state = question.request_state.unwrap();
    let yes = || {
        let accepted = json!({"action": "accept", "content": {"value": true}});
        Some(std::collections::BTreeMap::from([("confirm".to_owned(), accepted)]))
    };
    // Everything in it still holds; only the seal does not fit any more.
    let (payload, tag) = state.split_once('.').unwrap();
    let mut told: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    told["expires_unix"] = json!(told["expires_unix"].as_u64().unwrap() + 1);
    let forged = format!("{}.{tag}", URL_SAFE_NO_PAD.encode(told.to_string()));
    let mut moved = request("comfyui_run_workflow", json!({"workflow": tiny_workflow()}));
    let mut changed = asked.clone();
    (changed.request_state, changed.input_responses) = (Some(forged), yes());
    (moved.request_state, moved.input_responses) = (Some(state), yes());
    for attempt in [changed, moved] {
        let answer = bounded(client.call_tool_once(attempt)).await.unwrap();
        let rmcp::model::CallToolResponse::Complete(result) = answer else { panic!("{answer:?}") };
        let kind = error_of(&result)["kind"].clone();
        assert!(kind == "denied" || kind == "invalid_input", "{kind}");
    }
    assert_eq!(prompts_sent(&app), 0);
}
