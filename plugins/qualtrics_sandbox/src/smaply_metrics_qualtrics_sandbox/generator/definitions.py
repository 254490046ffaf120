"""The survey definition of a generated survey, with the keys of a recorded one."""

from __future__ import annotations

from typing import Any

from smaply_metrics_qualtrics_sandbox.generator.survey_templates import SurveyTemplate

OWNER = "UR_sandbox00000001"
BRAND = "nordlicht"


def definition(plan: SurveyTemplate, *, created: str, modified: str) -> dict[str, Any]:
    """Return the survey definition of a template.

    Args:
        plan: The template.
        created: The creation date, in ISO 8601.
        modified: The modification date, in ISO 8601.
    """
    main, trash = f"BL_{plan.id[3:]}", f"BL_{plan.id[3:-1]}0"
    fields = [
        {
            "Description": name,
            "Type": "Recipient",
            "Field": name,
            "VariableType": "String",
            "DataVisibility": [],
            "AnalyzeText": False,
        }
        for name in plan.embedded
    ]
    return {
        "QuestionCount": str(len(plan.questions)),
        "SurveyOptions": {
            "BackButton": "false",
            "SaveAndContinue": "true",
            "SurveyProtection": "PublicSurvey",
            "BallotBoxStuffingPrevention": "false",
            "NoIndex": "Yes",
            "SecureResponseFiles": "true",
            "SurveyExpiration": None,
            "SurveyTermination": "DefaultMessage",
            "Header": "",
            "Footer": "",
            "ProgressBarDisplay": "None",
            "PartialData": "+1 week",
            "AnonymizeResponse": "No",
            "ActiveResponseSet": f"RS_{plan.id[3:]}",
            "AvailableLanguages": {"EN": []},
            "SurveyName": plan.name,
            "SurveyLanguage": "EN",
            "SurveyStartDate": None,
            "SurveyExpirationDate": None,
            "SurveyCreationDate": created,
        },
        "SurveyID": plan.id,
        "SurveyName": plan.name,
        "SurveyStatus": "Active",
        "LastModified": modified,
        "BrandID": BRAND,
        "OwnerID": OWNER,
        "LastAccessed": None,
        "CreatorID": OWNER,
        "LastActivated": created,
        "Questions": {question["QuestionID"]: question for question in plan.questions},
        "Blocks": {
            main: {
                "Type": "Default",
                "Description": "Questions",
                "ID": main,
                "BlockElements": [
                    {"Type": "Question", "QuestionID": question["QuestionID"]}
                    for question in plan.shown
                ],
                "Options": {
                    "BlockLocking": "false",
                    "RandomizeQuestions": "false",
                    "BlockVisibility": "Expanded",
                },
            },
            trash: {
                "Type": "Trash",
                "Description": "Trash / Unused Questions",
                "ID": trash,
                "BlockElements": [{"Type": "Question", "QuestionID": plan.trashed["QuestionID"]}],
            },
        },
        "ResponseSets": {f"RS_{plan.id[3:]}": "Default Response Set"},
        "SurveyFlow": {
            "Type": "Root",
            "FlowID": "FL_1",
            "Flow": [
                {"Type": "EmbeddedData", "FlowID": "FL_3", "EmbeddedData": fields},
                {"Type": "Block", "ID": main, "FlowID": "FL_2", "Autofill": []},
            ],
            "Properties": {"Count": 3, "RemovedFieldsets": []},
        },
        "Scoring": {
            "ScoringCategories": [],
            "ScoringCategoryGroups": [],
            "ScoringSummaryCategory": None,
            "ScoringSummaryAfterQuestions": 0,
            "ScoringSummaryAfterSurvey": 0,
            "DefaultScoringCategory": None,
            "AutoScoringCategory": None,
        },
        "ProjectInfo": {
            "SurveyID": plan.id,
            "ProjectCategory": "CORE",
            "ProjectType": None,
            "CompositionType": None,
            "ContentBundle": None,
        },
        "BrandBaseURL": f"https://{BRAND}.qualtrics.com",
    }
