"""The templates of the generated surveys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from smaply_metrics_qualtrics_sandbox.generator.questions import (
    Question,
    free_text,
    make_question,
    matrix,
    multiple_choice,
    nps,
    shown_below_seven,
    single_choice,
)
from smaply_metrics_qualtrics_sandbox.surveys.questions import SandboxOption, options


@dataclass(frozen=True)
class SurveyTemplate:
    """The template of a generated survey.

    Attributes:
        folder: The name of the folder.
        id: The id of the survey.
        name: The name of the survey.
        responses: The number of responses.
        questions: The questions in survey order; the last one is in the trash.
        embedded: The possible values of each embedded data field.
    """

    folder: str
    id: str
    name: str
    responses: int
    questions: tuple[Question, ...]
    embedded: Mapping[str, tuple[str, ...]]

    @property
    def shown(self) -> tuple[Question, ...]:
        """The questions that respondents see."""
        return self.questions[:-1]

    @cached_property
    def answers(self) -> Mapping[str, tuple[SandboxOption, ...]]:
        """The answers of each question by its id, in display order."""
        return {question["QuestionID"]: options(question) for question in self.questions}

    @property
    def trashed(self) -> Question:
        """The question in the trash."""
        return self.questions[-1]


_SATISFACTION = {
    "1": "Very dissatisfied",
    "2": "Dissatisfied",
    "3": "Neither satisfied nor dissatisfied",
    "4": "Satisfied",
    "5": "Very satisfied",
    "6": "Not applicable",
}
_AGREEMENT = (
    "Strongly disagree",
    "Disagree",
    "Neither agree nor disagree",
    "Agree",
    "Strongly agree",
)

RELATIONSHIP = SurveyTemplate(
    folder="relationship",
    id="SV_RelationshipA01",
    name="Relationship survey",
    responses=1200,
    questions=(
        make_question(
            "QID10",
            "Intro",
            "<b>Welcome!</b> This takes about three&nbsp;minutes.",
            ("DB", "TB", None),
        ),
        nps(
            "QID1",
            "NPS",
            "How likely are you to recommend <strong>Nordlicht</strong> to a friend or colleague?",
        ),
        free_text(
            "QID13",
            "NPS_reason",
            "What is the main reason for your score?",
            DisplayLogic=shown_below_seven("QID1", "If the score is less than 7"),
        ),
        single_choice(
            "QID2",
            "Satisfaction",
            "Overall, how satisfied are you with Nordlicht?",
            _SATISFACTION,
            RecodeValues={"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "6": "99"},
            AnalyzeChoices={"6": "No"},
        ),
        single_choice(
            "QID3",
            "Channel",
            "Where did you last buy from us?",
            {"1": "Web shop", "4": "App", "5": "Store", "7": "Phone"},
            RecodeValues={"1": "10", "4": "20", "5": "30", "7": "40"},
            VariableNaming={"1": "Web", "4": "App", "5": "Store", "7": "Phone"},
        ),
        matrix(
            "QID4",
            "Touchpoints",
            "How much do you agree with these statements?",
            (
                "It is easy to find what I need",
                "Delivery was on time",
                "Staff were helpful",
                "Prices are fair",
            ),
            _AGREEMENT,
        ),
        multiple_choice(
            "QID12",
            "Went_well",
            "What went well?",
            ("Advice", "Ordering", "Delivery", "Returns", "Something else:", "None of these"),
        ),
        free_text("QID5", "Comment", "Is there anything else that you would like to tell us?"),
        single_choice("QID9", "Old_age", "How old are you?", {"1": "Under 30", "2": "30 or more"}),
    ),
    embedded={
        "Region": ("North", "South", "East", "West"),
        "Segment": ("Private", "Business"),
    },
)

SUPPORT = SurveyTemplate(
    folder="support",
    id="SV_SupportContactA",
    name="Support after-contact survey",
    responses=800,
    questions=(
        single_choice(
            "QID1",
            "CSAT",
            "How satisfied are you with the support you received?",
            {key: label for key, label in _SATISFACTION.items() if key != "6"},
            selector="SAHR",
        ),
        single_choice(
            "QID2",
            "Resolved",
            "Was your problem solved?",
            {"1": "Yes", "2": "Partly", "3": "No"},
            RecodeValues={"1": "1", "2": "2", "3": "0"},
        ),
        single_choice(
            "QID3",
            "Effort",
            "Nordlicht made it easy for me to have my problem solved.",
            {
                "1": "1: Strongly disagree",
                "2": "2",
                "3": "3",
                "4": "4",
                "5": "5",
                "6": "6",
                "7": "7: Strongly agree",
            },
            selector="SAHR",
        ),
        multiple_choice(
            "QID11",
            "Contacts",
            "How did you contact us this time?",
            ("Phone", "E-mail", "Chat", "Another way:", "I do not remember"),
        ),
        matrix(
            "QID6",
            "Agent",
            "The person who helped me …",
            ("was friendly", "understood my problem", "answered quickly"),
            _AGREEMENT,
        ),
        free_text("QID7", "Comment", "What could we have done better?", "ESTB"),
        nps("QID8", "NPS_old", "How likely are you to recommend our support?"),
    ),
    embedded={"Region": ("North", "South", "East", "West"), "Team": ("Blue", "Green", "Amber")},
)

STORE = SurveyTemplate(
    folder="store",
    id="SV_StorePilotDemoA",
    name="Store pilot: “Grüß Gott” kiosk",
    responses=60,
    questions=(
        nps("QID1", "NPS", "How likely are you to recommend this store?"),
        single_choice(
            "QID2",
            "Store",
            "Which store did you visit?",
            {"1": "Linz", "2": "Graz", "3": "Wien Mitte"},
            selector="DL",
        ),
        multiple_choice(
            "QID3",
            "Used",
            "What did you use the kiosk for?",
            ("Order", "Pay", "Other:", "Nothing"),
        ),
        free_text("QID4", "Comment", "Your comment:", "SL"),
        single_choice("QID5", "Old_visit", "Was this your first visit?", {"1": "Yes", "2": "No"}),
    ),
    embedded={"Segment": ("Private", "Business")},
)

PLANS = (RELATIONSHIP, SUPPORT, STORE)
