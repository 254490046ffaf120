"""The routes of survey-definitions and of the other parts of a survey's design.

Quotas are those of the QSF file. A survey has one version, the published one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smaply_metrics_qualtrics_sandbox.api.calls import Answer, Call, SandboxRoute, json_copy
from smaply_metrics_qualtrics_sandbox.api.read_views import USER_ID
from smaply_metrics_qualtrics_sandbox.errors import resource_not_found
from smaply_metrics_qualtrics_sandbox.surveys.definition import shown_questions
from smaply_metrics_qualtrics_sandbox.surveys.questions import entries
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey


def get_definition(call: Call) -> Answer:
    """`GET /survey-definitions/{id}`."""
    with call.state.lock:
        return json_copy(call.defined_survey().definition)


def list_questions(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/questions`: all questions on one page."""
    with call.state.lock:
        questions = call.defined_survey().definition["Questions"]
        elements = [] if call.fault == "empty_list" else list(json_copy(questions).values())
    return {"elements": elements, "nextPage": None}


def get_question(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/questions/{qid}`."""
    with call.state.lock:
        return _one(call.defined_survey().definition["Questions"], call.params["question"])


def get_block(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/blocks/{blockId}`."""
    with call.state.lock:
        return _one(call.defined_survey().definition["Blocks"], call.params["block"])


def get_flow(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/flow`."""
    with call.state.lock:
        return json_copy(call.defined_survey().definition["SurveyFlow"])


def get_options(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/options`."""
    with call.state.lock:
        return json_copy(call.defined_survey().definition.get("SurveyOptions") or {})


def get_metadata(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/metadata`."""
    with call.state.lock:
        definition = call.defined_survey().definition
        options = definition.get("SurveyOptions") or {}
        return {
            "SurveyID": definition["SurveyID"],
            "SurveyName": definition["SurveyName"],
            "SurveyDescription": options.get("SurveyMetaDescription"),
            "SurveyOwnerID": definition.get("OwnerID") or USER_ID,
            "SurveyBrandID": definition.get("BrandID"),
            "DivisionID": definition.get("DivisionID"),
            "SurveyLanguage": options.get("SurveyLanguage") or "EN",
            "SurveyActiveResponseSet": next(iter(definition.get("ResponseSets") or ()), None),
            "SurveyStatus": definition.get("SurveyStatus"),
            "SurveyStartDate": options.get("SurveyStartDate"),
            "SurveyExpirationDate": options.get("SurveyExpirationDate"),
            "SurveyCreationDate": options.get("SurveyCreationDate"),
            "CreatorID": definition.get("CreatorID") or USER_ID,
            "LastModified": definition.get("LastModified"),
            "LastAccessed": definition.get("LastAccessed"),
            "LastActivated": definition.get("LastActivated"),
            "Deleted": None,
        }


def list_versions(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/versions`."""
    with call.state.lock:
        return call.page([_version(call.defined_survey())])


def get_version(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/versions/{versionId}`: the definition in that version."""
    with call.state.lock:
        survey = call.defined_survey()
        version = _version(survey)
        if call.params["version"] not in {version["versionID"], str(version["versionNumber"])}:
            raise resource_not_found()
        return json_copy(survey.definition)


def _version(survey: SandboxSurvey) -> Mapping[str, Any]:
    definition = survey.definition
    published = definition.get("LastActivated") or definition.get("LastModified")
    return {
        "surveyID": survey.id,
        "versionID": survey.id.removeprefix("SV_"),
        "versionNumber": 1,
        "userID": definition.get("CreatorID") or USER_ID,
        "description": "Published",
        "creationDate": published,
        "published": True,
        "wasPublished": True,
        "publishEvents": [],
    }


def list_defined_quotas(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/quotas`."""
    with call.state.lock:
        return call.page(call.defined_survey().quotas)


def get_quota(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/quotas/{quotaId}`."""
    with call.state.lock:
        return _one(_by_id(call.defined_survey().quotas), call.params["quota"])


def list_quota_groups(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/quotagroups`."""
    with call.state.lock:
        return call.page(call.defined_survey().quota_groups)


def get_quota_group(call: Call) -> Answer:
    """`GET /survey-definitions/{id}/quotagroups/{groupId}`."""
    with call.state.lock:
        return _one(_by_id(call.defined_survey().quota_groups), call.params["group"])


def list_quotas(call: Call) -> Answer:
    """`GET /surveys/{id}/quotas`: the counts of the quotas."""
    with call.state.lock:
        return call.page(
            [
                {
                    "id": quota.get("ID"),
                    "name": quota.get("Name"),
                    "count": quota.get("Count") or 0,
                    "quota": quota.get("Occurrences") or 0,
                    "logicType": quota.get("LogicType") or "Simple",
                }
                for quota in call.survey().quotas
            ]
        )


def get_languages(call: Call) -> Answer:
    """`GET /surveys/{id}/languages`."""
    with call.state.lock:
        return {"AvailableLanguages": _languages(call.survey())}


def get_translation(call: Call) -> Answer:
    """`GET /surveys/{id}/translations/{language}`: the texts of the questions, by key."""
    with call.state.lock:
        survey, wanted = call.survey(), call.params["language"]
        languages = _languages(survey)
        if wanted not in languages:
            raise resource_not_found()
        questions = survey.definition["Questions"]
        texts: dict[str, Any] = {}
        for qid in shown_questions(survey.definition):
            translations = questions[qid].get("Language")
            translated = translations.get(wanted, {}) if isinstance(translations, dict) else {}
            question = {**questions[qid], **(translated if wanted != languages[0] else {})}
            texts[f"{qid}_QuestionText"] = question.get("QuestionText")
            for part in ("Choice", "Answer"):
                for key, body in entries(question.get(f"{part}s")):
                    texts[f"{qid}_{part}{key}"] = body.get("Display")
        return texts


def _languages(survey: SandboxSurvey) -> list[str]:
    options = survey.definition.get("SurveyOptions") or {}
    first = options.get("SurveyLanguage") or "EN"
    others = options.get("AvailableLanguages")
    return list(dict.fromkeys([first, *(others if isinstance(others, dict) else ())]))


def _by_id(elements: list[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    return {str(element.get("ID")): element for element in elements}


def _one(elements: Mapping[str, Mapping[str, Any]], wanted: str) -> dict[str, Any]:
    if wanted not in elements:
        raise resource_not_found()
    return json_copy(elements[wanted])


_DEFINITION = "/survey-definitions/{survey}"
_READ = "read:surveys"

ROUTES: tuple[SandboxRoute, ...] = (
    SandboxRoute(_DEFINITION, "definition", get_definition, _READ),
    SandboxRoute(f"{_DEFINITION}/questions", "questions", list_questions, _READ),
    SandboxRoute(f"{_DEFINITION}/questions/{{question}}", "questions", get_question, _READ),
    SandboxRoute(f"{_DEFINITION}/blocks/{{block}}", "design", get_block, _READ),
    SandboxRoute(f"{_DEFINITION}/flow", "design", get_flow, _READ),
    SandboxRoute(f"{_DEFINITION}/options", "design", get_options, _READ),
    SandboxRoute(f"{_DEFINITION}/metadata", "design", get_metadata, _READ),
    SandboxRoute(f"{_DEFINITION}/versions", "design", list_versions, _READ),
    SandboxRoute(f"{_DEFINITION}/versions/{{version}}", "design", get_version, _READ),
    SandboxRoute(f"{_DEFINITION}/quotas", "quotas", list_defined_quotas, _READ),
    SandboxRoute(f"{_DEFINITION}/quotas/{{quota}}", "quotas", get_quota, _READ),
    SandboxRoute(f"{_DEFINITION}/quotagroups", "quotas", list_quota_groups, _READ),
    SandboxRoute(f"{_DEFINITION}/quotagroups/{{group}}", "quotas", get_quota_group, _READ),
    SandboxRoute("/surveys/{survey}/quotas", "quotas", list_quotas, _READ),
    SandboxRoute("/surveys/{survey}/languages", "design", get_languages, _READ),
    SandboxRoute("/surveys/{survey}/translations/{language}", "design", get_translation, _READ),
)
