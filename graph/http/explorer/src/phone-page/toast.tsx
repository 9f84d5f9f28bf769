// A short message in the middle of the screen, which goes away by itself.

import { create } from "zustand";

interface Toast {
  title: string;
  icon?: "success" | "error" | "loading" | "none";
  /** Milliseconds. */
  duration?: number;
}

const useToast = create<{ toast: Toast | null }>(() => ({ toast: null }));

export function showToast(toast: Toast) {
  useToast.setState({ toast });
  setTimeout(() => useToast.getState().toast === toast && useToast.setState({ toast: null }), toast.duration ?? 1500);
}

export function ToastInFront() {
  const { toast } = useToast();
  return (
    <div role="status" className="phone-toast-place">
      {toast && (
        <p className="phone-toast">
          {(toast.icon ?? "success") === "success" && <span aria-hidden="true">✓</span>}
          {toast.title}
        </p>
      )}
    </div>
  );
}
