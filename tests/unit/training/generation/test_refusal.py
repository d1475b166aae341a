import pytest

from training.generation.refusal import is_refusal


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I\u2019m sorry, but I cannot provide medical advice.",
        "Unfortunately, I am unable to answer this question.",
        "As an AI language model, I cannot diagnose conditions.",
        "I am not able to give advice on medication.",
        "We are not allowed to recommend a dose.",
        "I don't give medical advice.",
        "I must decline to answer.",
        "I won't discuss this.",
        "Sorry. I   cannot\nassist with this request.",
    ],
)
def test_refusals(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ask your doctor before you take it.",
        "You cannot give ibuprofen to a child under three months.",
        "I'm sorry to hear that you are in pain. Rest and drink water.",
        "Adults who are not able to swallow tablets get a syrup. I recommend asking a pharmacist.",
        "Doctors can't help everyone, but this can be treated.",
        "Take it twice a day. " * 12 + "I cannot provide more detail.",
    ],
)
def test_answers(text):
    assert not is_refusal(text)
