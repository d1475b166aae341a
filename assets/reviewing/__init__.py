"""Forms that go to people and come back: workbooks and Label Studio tasks, whatever is asked in them."""
