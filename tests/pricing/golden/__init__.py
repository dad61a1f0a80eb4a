"""The golden corpus: answers as providers write them, whole and streamed, and what they used."""
