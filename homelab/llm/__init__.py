"""Language models at home: engines behind one small interface, and how fast they are, measured alike."""
